import {
  createExecutor,
  decodeSafetensors,
  encodeSafetensors,
  fillNoise,
  hostTensor,
  type Manifest,
  parseManifest,
  sha256Hex,
} from '@generatrix/runtime';
import { beforeAll, expect, it } from 'vitest';
import { messages, readWire, texts } from '../onnx/wire.ts';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { type BundleRequest, packBundle } from './pack.ts';
import type { PortableOptions } from './portable.ts';
import { portablePrograms } from './portable-programs.ts';
import { type ExportedProgram, traceExported } from './program.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const time = 6;
/** Running sums of the noise, times a scale. */
const sample: ExportedProgram = {
  signature: {
    inputs: {
      u: { dtype: 'float32', shape: [time], role: 'noise', distribution: 'uniform' },
      scale: { dtype: 'float32', shape: [], role: 'scalar', default: 2 },
    },
    outputs: { data: { dtype: 'float32', shape: [time], meaning: 'data' } },
  },
  run: ({ u, scale }) => {
    const { outputs } = scan({
      carries: { sum: tf.zeros([u!.shape[0]!]) },
      sequences: { u: tf.transpose(u!) },
      body: ({ sum }, { u }) => {
        const next = tf.add(sum!, tf.mul(u!, scale!));
        return { carries: { sum: next }, outputs: { next } };
      },
    });
    return { data: tf.transpose(outputs.next!) };
  },
};

const request = (portable: PortableOptions): BundleRequest => ({
  about: {
    name: 'sums',
    family: 'none',
    options: {},
    data: { kind: 'points', shape: [time], name: 'none', classNames: [] },
    provenance: { seed: 1, dataset: 'none', steps: 0, engine: 'none', metrics: {}, generatrixVersion: '0' },
  },
  programs: { sample },
  formats: ['onnx'],
  examples: hostTensor('float32', [2, time], new Float32Array(2 * time)),
  portable,
});

it.each<[PortableOptions, number, boolean]>([
  [{ loops: 'unrolled' }, 2, false],
  [{ loops: 'unrolled', batch: 1 }, 1, false],
  [{ batch: 5 }, 5, true],
])(
  'a bundle has its programs in the form %j besides, which computes the same',
  async (portable, count, loops) => {
    const files = await packBundle(request(portable));
    const manifest = parseManifest(JSON.parse(new TextDecoder().decode(files['model.json'])), 'test');
    const entry = manifest.portable!;
    expect(entry).toMatchObject({ loops: 'scan', ...portable });
    const { file, sha256 } = entry.programs.sample!;
    expect(file).toBe('portable/sample.onnx');
    expect(sha256).toBe(sha256Hex(files[file]!));
    const nodes = (path: string) =>
      messages(messages(readWire(files[path]!), 7)[0]!, 1).flatMap((node) => texts(node, 4));
    expect(nodes('sample.onnx')).toContain('Scan');
    expect(nodes(file).includes('Scan')).toBe(loops);

    const u = hostTensor(
      'float32',
      [count, time],
      fillNoise({
        ...{ distribution: 'uniform', seed: 7, stream: 'u', firstIndex: 0, count, shape: [time] },
      } as const),
    );
    const executor = await createExecutor('cpu');
    const run = async (path: string) => {
      const program = await executor.load('sample', files[path]!);
      const { data } = await program.run({ u, scale: hostTensor('float32', [], [3]) });
      await program.release();
      return data!;
    };
    const [own, other] = [await run('sample.onnx'), await run(file)];
    expect(other.shape).toEqual([count, time]);
    expect(own).toEqual(other);
    expect((own as { data: Float32Array }).data[1]).toBeCloseTo(3 * (u.data[0]! + u.data[1]!), 5);
  },
);

it('a program with its loops left to the caller is a plan and its parts', async () => {
  const files = await packBundle(request({ loops: 'host', batch: 3 }));
  const manifest = parseManifest(JSON.parse(new TextDecoder().decode(files['model.json'])), 'test');
  const { file, parts } = manifest.portable!.programs.sample!;
  expect(manifest.portable).toMatchObject({ loops: 'host', batch: 3 });
  const plan = JSON.parse(new TextDecoder().decode(files[file])) as {
    parts: { file: string; loop?: object }[];
  };
  expect(plan.parts.map(({ file }) => `portable/${file}`)).toEqual(parts!.map(({ file }) => file));
  expect(plan.parts.map(({ loop }) => loop !== undefined)).toEqual([false, true, false]);
  expect(plan.parts[1]!.loop).toMatchObject({ steps: time, reversed: false });
  for (const { file, sha256 } of parts!) expect(sha256Hex(files[file]!)).toBe(sha256);
});

it('a bundle that nobody asked for other forms of has none', async () => {
  const { portable: _, ...plain } = request({});
  const files = await packBundle(plain);
  expect(Object.keys(files).filter((path) => path.startsWith('portable'))).toEqual([]);
  const manifest = JSON.parse(new TextDecoder().decode(files['model.json'])) as Manifest;
  expect(manifest).not.toHaveProperty('portable');
});

it('a form that computes something else than the reference is named', async () => {
  const files = await packBundle(request({ batch: 3 }));
  const { tensors } = decodeSafetensors(files['reference.safetensors']!, 'reference');
  const data = tensors['sample/out/data']!;
  const off = hostTensor(
    'float32',
    data.shape,
    Float32Array.from(data.data, (x) => x + 0.01),
  );
  const { failures } = await portablePrograms({
    options: { batch: 3 },
    graphs: { sample: traceExported('sample', sample) },
    signatures: { sample: sample.signature },
    reference: encodeSafetensors({ ...tensors, 'sample/out/data': off }),
    executor: await createExecutor('cpu'),
    metadata: {},
  });
  expect(failures).toHaveLength(1);
  expect(failures[0]).toMatch(
    /^program sample for other runtimes: output 'data' differs from the reference by \d\.\de-3 of its scale/,
  );
});
