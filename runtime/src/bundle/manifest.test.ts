import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import type { ProgramSignature } from '../program/program.ts';
import { sharedBundle, testBundle } from '../testing/bundle.ts';
import { encodeManifest, parseManifest } from './manifest.ts';
import { isPlainPath, type Manifest } from './manifest-schema.ts';
import { programFiles } from './program-files.ts';

/** A manifest as its file has it. */
const asFile = (manifest: Manifest) => JSON.parse(new TextDecoder().decode(encodeManifest(manifest)));
const good = () => asFile(testBundle(['sample', 'encode']).manifest);

/** A good manifest with the value at a dotted path replaced, or removed when undefined. */
function broken(path: string, value: unknown, manifest = good()): unknown {
  const keys = path.split('.');
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key], manifest);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return manifest;
}

function messageFor(json: unknown): string {
  try {
    parseManifest(json, 'here/model.json');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    expect(message).toMatch(/^here\/model\.json: /);
    return message;
  }
  throw new Error('the manifest was accepted');
}

describe('parseManifest', () => {
  test('keeps what a whole manifest says, all optional parts included', () => {
    const manifest = {
      ...good(),
      parity: {
        reference: 'tfjs-cpu',
        programs: { sample: { maxAbsoluteError: 1e-6, maxRelativeError: 1e-7, batch: 4 } },
      },
      description: { title: 'A model', taxonomy: ['a', 'b'], equation: 'p(x) = 1', sources: ['No one 1999'] },
      sample: { file: 'sample.png', bytes: 3, sha256: 'ab'.repeat(32), seed: 42, count: 64 },
      graphModels: {
        sample: { files: { 'graph-model/sample/model.json': { bytes: 1, sha256: '0'.repeat(64) } } },
      },
    };
    const parsed = parseManifest(manifest, 'here');
    expect(asFile(parsed)).toEqual(manifest);
    // Type checking: what parsing gives must be what the rest of the runtime takes.
    const signature: ProgramSignature = parsed.programs.sample!;
    expect(Object.keys(signature.inputs)).toEqual(['z', 'label', 'temperature']);
  });

  test('passes over fields of later releases; class names may be absent', () => {
    const { classNames: _, ...data } = good().data;
    const parsed = parseManifest({ ...good(), data, later: { release: true } }, 'here');
    expect(asFile(parsed)).toEqual({ ...good(), data: { ...data, classNames: [] } });
  });

  test('the distribution of noise is called law in the file, as in those of earlier releases', () => {
    const file = good();
    expect(file.programs.sample.inputs.z).toEqual({
      role: 'noise',
      dtype: 'float32',
      shape: [3],
      law: 'normal',
    });
    file.programs.sample.inputs.z = {
      ...{ role: 'noise', dtype: 'float32', shape: [3], law: 'uniform' },
      ...{ belongsTo: 'example', unless: 'temperature' },
    };
    const { z } = parseManifest(file, 'here').programs.sample!.inputs;
    expect(z).toEqual({
      ...{ role: 'noise', dtype: 'float32', shape: [3], distribution: 'uniform' },
      ...{ belongsTo: 'example', unless: 'temperature' },
    });
  });

  test.each([
    ['format', 'onnx', /not a Generatrix bundle.*"onnx"/],
    ['version', 3, /version 3 .*reads \(1, 2\).*export the model again/],
    ['version', undefined, /version nothing/],
    ['name', undefined, /: name: expected string, found nothing/],
    ['data.kind', 'video', /: data\.kind: .*"video"/],
    ['data.shape', [3, 4], /: data\.shape/],
    ['programs.sample.sha256', 'AB'.repeat(32), /: programs\.sample\.sha256: .*"ABAB/],
    ['programs.sample.bytes', -1, /: programs\.sample\.bytes: expected at least 0, found -1/],
    ['programs.sample.bytes', 1.5, /: programs\.sample\.bytes: expected a whole number, found 1\.5/],
    ['programs.sample.inputs.z.role', 'dice', /: programs\.sample\.inputs\.z\.role/],
    [
      'programs.sample.inputs.z.law',
      'cauchy',
      /inputs\.z\.law: expected "normal" or "uniform", found "cauchy"/,
    ],
    ['programs.sample.inputs.z.shape', [0], /inputs\.z\.shape\.0: /],
    ['programs.sample.inputs.z.dtype', 'int32', /inputs\.z\.dtype: expected "float32", found "int32"/],
    ['programs.sample.inputs.label.classes', 0, /inputs\.label\.classes/],
    ['programs.sample.outputs.data.meaning', 'picture', /outputs\.data\.meaning: .*"picture"/],
    ['programs.sample.file', '../secret.onnx', /: programs\.sample\.file: expected a plain relative path/],
    ['provenance.metrics', { loss: '1' }, /: provenance\.metrics\.loss: expected number, found "1"/],
    ['reference', { file: '/etc/passwd', bytes: 1, sha256: '0'.repeat(64) }, /: reference\.file: /],
  ])('%s = %j is refused, naming the place', (path, value, message) => {
    expect(messageFor(broken(path, value))).toMatch(message);
  });

  test('keeps the files of weights that programs share, and says which files a program takes', () => {
    const { manifest } = sharedBundle();
    const parsed = parseManifest(asFile(manifest), 'here');
    expect(parsed).toEqual(manifest);
    const files = programFiles(parsed, parsed.programs.decode!).map(({ file }) => file);
    expect(files).toEqual(['decode.onnx', 'weights.safetensors']);
  });

  test.each([
    ['version', 1, /programs\.sample\.weights: expected none in a bundle of version 1, found 'weights\.safe/],
    [
      'weights',
      undefined,
      /programs\.sample\.weights: expected files of the .* \(nothing\), found 'weights\.safe/,
    ],
    ['programs.decode.weights', ['other'], /decode\.weights: .* \(weights\.safetensors\), found 'other'/],
    ['programs.decode.weights', ['../w'], /decode\.weights\.0: /],
    ['weights', [{ file: 'a/b', bytes: 1, sha256: '0'.repeat(64) }], /: weights\.0\.file: /],
    ['weights', [{ file: 'b', bytes: 1 }], /: weights\.0\.sha256: /],
  ])('of shared weights %s = %j is refused', (path, value, message) => {
    expect(messageFor(broken(path, value, asFile(sharedBundle().manifest)))).toMatch(message);
  });

  test.each([[null], [[]], ['text'], [3], [{}]])('%j is no manifest', (json) => {
    expect(messageFor(json)).toMatch(/not a Generatrix bundle/);
  });

  /** The good manifest with a program that returns one coordinate of the points at a call. */
  const streaming = (change: Record<string, unknown> = {}) => {
    const manifest = good();
    const one = { dtype: 'float32', shape: [1] };
    manifest.programs.advance = {
      ...manifest.programs.encode,
      inputs: { cache: { ...one, shape: [4], role: 'carry', initial: 0 } },
      outputs: {
        data: { ...one, meaning: 'data' },
        'next/cache': { ...one, shape: [4], meaning: 'carry' },
      },
      stream: { chunks: 3, axis: 0 },
      ...change,
    };
    return manifest;
  };

  test('keeps what a program carries and streams', () => {
    const parsed = parseManifest(streaming(), 'here');
    expect(asFile(parsed)).toEqual(streaming());
    const signature: ProgramSignature = parsed.programs.advance!;
    expect(signature.stream).toEqual({ chunks: 3, axis: 0 });
  });

  const data = { dtype: 'float32', shape: [1], meaning: 'data' };
  test.each([
    [{ stream: { chunks: 0, axis: 0 } }, /: programs\.advance\.stream\.chunks: expected at least/],
    [{ stream: { chunks: 3, axis: 1 } }, /: programs\.advance\.stream\.axis: expected 0, found 1/],
    [{ stream: { chunks: 2, axis: 0 } }, /advance\.stream: expected 2 chunks that add up to data \[3\]/],
    [{ outputs: { data } }, /advance\.outputs: expected carry 'next\/cache' float32 \[4\] .* found nothing/],
    [
      { outputs: { data, 'next/cache': { ...data, meaning: 'carry' } } },
      /expected carry 'next\/cache' .* found carry float32 \[1\]/,
    ],
    [
      {
        outputs: {
          data: { ...data, shape: [4], meaning: 'carry' },
          'next/cache': { ...data, shape: [4], meaning: 'carry' },
        },
      },
      /found chunks of nothing/,
    ],
  ])('a stream that does not add up is refused, case %#', (change, message) => {
    expect(messageFor(streaming(change))).toMatch(message);
  });

  /** The good manifest with a program that takes up to 5 steps of a chain of 12 at a call. */
  const chained = (change: Record<string, unknown> = {}) => {
    const place = { dtype: 'float32', shape: [], role: 'scalar', default: 0 };
    const noise = { dtype: 'float32', shape: [5, 3], role: 'noise', law: 'normal' };
    const whole = { dtype: 'float32', shape: [3] };
    return streaming({
      inputs: { x: { ...whole, role: 'carry', initial: 0 }, noise, from: place, to: place },
      outputs: { data: { ...whole, meaning: 'data' }, 'next/x': { ...whole, meaning: 'carry' } },
      stream: undefined,
      chain: { steps: 12, stepsPerCall: 5 },
      ...change,
    });
  };

  test('keeps what a program is given besides', () => {
    const manifest = good();
    const condition = { role: 'condition', dtype: 'int32', shape: [5], tokens: 30 };
    manifest.programs.encode.inputs.caption = condition;
    expect(asFile(parseManifest(manifest, 'here'))).toEqual(manifest);
    manifest.programs.encode.inputs.caption = { ...condition, tokens: 0 };
    expect(messageFor(manifest)).toMatch(/inputs\.caption\.tokens: expected at least/);
  });

  test('keeps the chain of a program', () => {
    expect(parseManifest(chained(), 'here').programs.advance!.chain).toEqual({ steps: 12, stepsPerCall: 5 });
    const onExamples = { steps: 12, stepsPerCall: 5, example: 'y' };
    expect(messageFor(chained({ chain: onExamples }))).toMatch(
      /advance\.chain\.example: expected a carry of at least \d+ values, found 'y' nowhere/,
    );
    const noise = messageFor(chained({ chain: { ...onExamples, example: 'noise' } }));
    expect(noise).toMatch(/expected a carry of at least \d+ values, found 'noise' of shape \[5,3\]/);
    const good = { ...onExamples, example: 'x' };
    expect(parseManifest(chained({ chain: good }), 'here').programs.advance!.chain).toEqual(good);
  });

  test.each([
    [{ steps: 0, stepsPerCall: 5 }, {}, /programs\.advance\.chain\.steps: expected at least/],
    [
      { steps: 12, stepsPerCall: 4 },
      {},
      /advance\.inputs: expected noise 'noise' for 4 steps, found shape \[5,3\]/,
    ],
    [
      { steps: 12, stepsPerCall: 5 },
      { inputs: {} },
      /advance\.inputs: expected the scalar 'from' of a chain/,
    ],
    [
      { steps: 12, stepsPerCall: 5 },
      {
        inputs: chained().programs.advance.inputs,
        outputs: { 'next/x': chained().programs.advance.outputs['next/x'] },
      },
      /advance\.outputs: expected the data of a chain, found none/,
    ],
  ])('a chain that does not hold together is refused, case %#', (chain, change, message) => {
    expect(messageFor(chained({ ...change, chain }))).toMatch(message);
  });

  test('program names that are no plain names are refused', () => {
    const manifest = good();
    manifest.programs = { '../up': manifest.programs.sample };
    expect(messageFor(manifest)).toMatch(/: programs/);
  });

  test('a program called like a part of every object does not get in', () => {
    const text = JSON.stringify(good()).replace('"sample":', '"__proto__":');
    const programs = (() => {
      try {
        return parseManifest(JSON.parse(text), 'here').programs;
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        return {};
      }
    })();
    expect(Object.getPrototypeOf(programs)).toBe(Object.prototype);
    expect('sample' in programs).toBe(false);
  });
});

test.each(['sample.onnx', 'graph-model/sample/group1-shard1of1.bin', 'a b/c_d.e', '..hidden/file'])(
  '%s is a plain path',
  (path) => {
    expect(isPlainPath(path)).toBe(true);
  },
);

test.each([
  '',
  '.',
  '..',
  '/a',
  'a/',
  'a//b',
  'a/../b',
  './a',
  'a\\b',
  'C:/a',
  'https://a/b',
  'a%2e',
  'a?b',
  'a#b',
  'a\nb',
])('%j is not a plain path', (path) => {
  expect(isPlainPath(path)).toBe(false);
});
