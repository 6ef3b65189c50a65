import { execFileSync } from 'node:child_process';
import { cp, mkdir, rename, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sha256Hex } from '../../bundle/sha256.ts';
import { encodeTinyOnnx, type TinyProgram } from '../../ort/tiny-onnx.ts';
import { hostTensor } from '../../program/tensor.ts';
import { sharedBundle } from '../../testing/bundle.ts';
import {
  draw,
  encodeJson,
  modelFolder,
  points,
  startEngine,
  withPrograms,
  writeBundle,
} from '../../testing/serving-engine.ts';

const onnx = points()['sample.onnx']!;
const manifest = JSON.parse(new TextDecoder().decode(points()['model.json'])) as {
  programs: { sample: { inputs: object; outputs: Record<string, unknown> } };
};

/** The bundle of points with changes to its program's entry. */
function withEntry(change: object): Record<string, Uint8Array> {
  const sample = { ...manifest.programs.sample, ...change };
  return { ...points(), 'model.json': encodeJson({ ...manifest, programs: { sample } }) };
}
function withOnnx(bytes: Uint8Array): Record<string, Uint8Array> {
  const entry = withEntry({ bytes: bytes.length, sha256: sha256Hex(bytes) });
  return { ...entry, 'sample.onnx': bytes };
}
const changed = onnx.slice();
changed[changed.length >> 1]! ^= 1;

/** TensorProto.data_location = EXTERNAL in an initializer of the graph: fields 7, 5, 14. */
const external = Uint8Array.of(...onnx, 7 * 8 + 2, 4, 5 * 8 + 2, 2, 14 * 8, 1);
const huge = { z: { dtype: 'float32', shape: [65536, 65536], role: 'noise', law: 'normal' } };
const otherOnnx = encodeTinyOnnx({
  nodes: [['Identity', ['x'], ['data']]],
  inputs: { x: ['float32', ['batch', 3]] },
  outputs: { data: ['float32', ['batch', 3]] },
});

/** Programs whose outputs have open dimensions, so that only a run tells what they are. */
const open = (output: TinyProgram['nodes'][number], shape: readonly number[], dims: readonly string[]) =>
  withPrograms({
    sample: {
      onnx: encodeTinyOnnx({
        nodes: [output],
        constants: { flat: ['int64', [1], [-1]] },
        inputs: { z: ['float32', ['batch', 'width']] },
        outputs: { value: ['float32', dims] },
      }),
      inputs: { z: { dtype: 'float32', shape: [2], role: 'noise', distribution: 'normal' } },
      outputs: { value: { dtype: 'float32', shape: [...shape], meaning: 'other' } },
    },
  });
const lying = open(['Identity', ['z'], ['value']], [3], ['batch', 'width']);
const single = open(['Reshape', ['z', 'flat'], ['value']], [], ['n']);

const bad: Record<string, readonly [Record<string, Uint8Array>, RegExp]> = {
  'a program cut short': [{ ...points(), 'sample.onnx': onnx.slice(0, -9) }, /sample\.onnx has \d+ bytes/],
  'a changed program': [{ ...points(), 'sample.onnx': changed }, /sample\.onnx was changed/],
  'no program file': [{ 'model.json': points()['model.json']! }, /sample\.onnx .*missing/],
  'a manifest cut short': [
    { ...points(), 'model.json': points()['model.json']!.slice(0, 99) },
    /is not JSON/,
  ],
  'an empty manifest': [{ ...points(), 'model.json': new Uint8Array() }, /is not JSON/],
  'a manifest that is no bundle': [{ 'model.json': encodeJson({ a: 1 }) }, /not a Generatrix bundle/],
  'no programs': [withPrograms({}), /has no programs/],
  'a path out': [withEntry({ file: '../points/sample.onnx' }), /plain relative path/],
  'an absolute path': [withEntry({ file: '/etc/hostname' }), /plain relative path/],
  'a Windows path': [withEntry({ file: 'C:\\model.onnx' }), /plain relative path/],
  'garbage for a program': [withOnnx(new TextEncoder().encode('garbage, all of it')), /no ONNX program/],
  'bytes that look like protobuf': [withOnnx(Uint8Array.of(8, 8, 58, 2, 10, 0)), /does not run here/],
  'nothing for a program': [withOnnx(new Uint8Array()), /no ONNX program/],
  'weights in another file': [withOnnx(external), /keeps the weight '' in another file/],
  'other ports than declared': [
    withOnnx(otherOnnx),
    /its inputs are x float32 \[batch, 3\], model\.json says label int32 \[batch\]/,
  ],
  'an output of another shape than it says': [
    lying,
    /output 'value' of 4 rows is float32 \[4,2\], the manifest says float32 \[4,3\]/,
  ],
  'an output that is not one row for each': [
    single,
    /output 'value' of 4 rows is float32 \[8\], the manifest says float32 \[4\]/,
  ],
  'rows of absurd size': [
    withEntry({ inputs: huge }),
    /one row of its inputs and outputs is 17179869\d+ bytes/,
  ],
  'a file of absurd size': [withEntry({ bytes: 2 ** 40 }), /is said to have 1099511627776 bytes/],
};

test('bad bundles are refused, each with its reason, and the others are served', async () => {
  const names = Object.keys(bad);
  const folder = await modelFolder({
    ...Object.fromEntries(names.map((name, i) => [`bad${i}`, bad[name]![0]])),
    points: points(),
    'versions/1': points(),
    'versions/2': bad['a changed program']![0],
    'run/bundle': points(),
    'bad name!': points(),
    '.hidden': points(),
    'no-bundle': { 'readme.txt': encodeJson('nothing') },
    'empty/v1': points(),
  });
  await writeFile(join(folder, 'file.txt'), 'no folder');
  const engine = await startEngine(folder, { workers: 2 });
  expect(engine.models().map(({ name, version, state }) => `${name} ${version} ${state}`)).toEqual([
    'points 1 ready',
    'run 1 ready',
    'versions 1 ready',
  ]);
  const refused = new Map(
    engine.refused().map(({ name, version, reason }) => [`${name}/${version}`, reason]),
  );
  for (const [i, name] of names.entries()) {
    expect(refused.get(`bad${i}/1`), name).toMatch(bad[name]![1]);
    refused.delete(`bad${i}/1`);
  }
  for (const reason of refused.values()) expect(reason).not.toContain('\n');
  expect([...refused.keys()].sort()).toEqual(['bad name!/1', 'versions/2']);
  for (const model of ['points', 'run', 'versions']) {
    expect((await engine.run(draw(model, 2))).outputs.data!.shape).toEqual([2, 3]);
  }
});

test('links that lead out are refused, those that stay inside are not', async () => {
  const outside = await modelFolder({ secret: points() });
  const folder = await modelFolder({ points: points(), file: points(), manifest: {}, pipe: points() });
  await symlink(join(outside, 'secret'), join(folder, 'away'));
  await mkdir(join(folder, 'versions'));
  await symlink(join(outside, 'secret'), join(folder, 'versions', '3'));
  await symlink(join(folder, 'points'), join(folder, 'alias'));
  await rename(join(folder, 'file', 'sample.onnx'), join(outside, 'sample.onnx'));
  await symlink(join(outside, 'sample.onnx'), join(folder, 'file', 'sample.onnx'));
  await symlink(join(outside, 'secret', 'model.json'), join(folder, 'manifest', 'model.json'));
  await rename(join(folder, 'pipe', 'sample.onnx'), join(outside, 'moved.onnx'));
  execFileSync('mkfifo', [join(folder, 'pipe', 'sample.onnx')]);
  const engine = await startEngine(folder);
  expect(engine.models().map(({ name }) => name)).toEqual(['alias', 'points']);
  const reasons = engine.refused().map(({ name, version, reason }) => `${name}/${version}: ${reason}`);
  expect(reasons.sort()).toEqual([
    expect.stringMatching(/^away\/1: .*a link that leads out of the models folder/),
    expect.stringMatching(/^file\/1: .*sample\.onnx is a link that leads out of the bundle/),
    expect.stringMatching(/^manifest\/1: .*model\.json is a link that leads out of the bundle/),
    expect.stringMatching(/^pipe\/1: .*sample\.onnx is not a regular file/),
    expect.stringMatching(/^versions\/3: .*a link that leads out of the models folder/),
  ]);
});

test('programs that share a file of weights are served, and their files are those of the manifest', async () => {
  const { files } = sharedBundle();
  const folder = await modelFolder({ shared: files, evil: sharedBundle({ location: 'evil.bin' }).files });
  await writeFile(join(folder, 'evil', 'evil.bin'), files['weights.safetensors']!);
  const engine = await startEngine(folder, { workers: 2 });
  expect(engine.refused().map(({ name, reason }) => `${name}: ${reason}`)).toEqual([
    expect.stringMatching(
      /^evil: .*sample\.onnx keeps the weight 'W' in another file, 'evil\.bin', where only/,
    ),
  ]);
  const latent = hostTensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
  const sources = { seed: 1, firstIndex: 0, count: 2, latent };
  const runs = await Promise.all(
    Array.from({ length: 6 }, () => engine.run({ model: 'shared', program: 'decode', sources })),
  );
  for (const { outputs } of runs) expect([...outputs.y!.data]).toEqual([2, 2, 1.5, 5, 8, 3]);
});

test('a manifest of absurd size is refused before it is read', async () => {
  const folder = await modelFolder({ points: points() });
  await cp(join(folder, 'points'), join(folder, 'large'), { recursive: true });
  await truncate(join(folder, 'large', 'model.json'), 2 ** 30);
  const engine = await startEngine(folder);
  expect(engine.refused()[0]!.reason).toMatch(/model\.json has 1073741824 bytes, more than the 16777216/);
});

test('an engine without models starts, is not ready, and takes them when they come', async () => {
  const folder = await modelFolder();
  const engine = await startEngine(folder);
  expect([engine.ready(), engine.models(), engine.refused()]).toEqual([false, [], []]);
  await writeBundle(join(folder, 'points'), points());
  expect(await engine.reload()).toEqual([]);
  expect(engine.ready()).toBe(true);
});
