import {
  createExecutor,
  createSampler,
  decodeSafetensors,
  fillNoise,
  type HostTensor,
  hostTensor,
  type Manifest,
  openBundle,
  parseManifest,
  sha256Hex,
} from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { currentRecorder } from '../trace/backend.ts';
import { scan } from '../trace/scan.ts';
import { loopSteps } from './long-loops.ts';
import { type BundleRequest, ParityError, packBundle } from './pack.ts';
import { type ExportedProgram, traceExported } from './program.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Running sums of `u` [batch, time] that start from [batch], and the last of them. */
function runningSums(u: tf.Tensor, start: tf.Tensor): { sums: tf.Tensor; last: tf.Tensor } {
  const { carries, outputs } = scan({
    carries: { sum: start },
    sequences: { u: tf.transpose(u) },
    body: ({ sum }, { u }) => {
      const next = tf.add(sum!, u!);
      return { carries: { sum: next }, outputs: { next } };
    },
  });
  return { sums: tf.transpose(outputs.next!), last: carries.sum! };
}

const noise = (time: number) =>
  ({ u: { dtype: 'float32', shape: [time], role: 'noise', distribution: 'uniform' } }) as const;
const data = (time: number) => ({ dtype: 'float32', shape: [time], meaning: 'data' }) as const;

/** A model whose samples are running sums of uniform noise, whole or in parts of a third. */
function sums(time: number, { wrong = 0 } = {}) {
  const eager = { sample: 0, advance: 0 };
  const count = (name: keyof typeof eager) => {
    if (currentRecorder() === null) eager[name]++;
  };
  const part = time / 3;
  const programs: Record<string, ExportedProgram> = {
    sample: {
      signature: { inputs: noise(time), outputs: { data: data(time) } },
      run: ({ u }) => {
        count('sample');
        return { data: runningSums(u!, tf.zeros([u!.shape[0]!])).sums };
      },
    },
    advance: {
      signature: {
        inputs: { ...noise(part), sum: { dtype: 'float32', shape: [], role: 'carry', initial: 0 } },
        outputs: { data: data(part), 'next/sum': { dtype: 'float32', shape: [], meaning: 'carry' } },
        stream: { chunks: 3, axis: 0 },
      },
      run: ({ u, sum }) => {
        count('advance');
        const { sums, last } = runningSums(u!, tf.add(sum!, wrong));
        return { data: sums, 'next/sum': last };
      },
    },
  };
  return { programs, eager };
}

function requestOf(time: number, programs: Record<string, ExportedProgram>): BundleRequest {
  return {
    about: {
      name: 'sums',
      family: 'sums',
      options: {},
      data: { kind: 'points', shape: [time], name: 'none', classNames: [] },
      provenance: { seed: 1, dataset: 'none', steps: 0, engine: 'none', metrics: {}, generatrixVersion: '0' },
    },
    programs,
    formats: ['onnx'],
    examples: hostTensor('float32', [2, time], new Float32Array(2 * time)),
  };
}

const manifestOf = (files: Record<string, Uint8Array>) =>
  JSON.parse(new TextDecoder().decode(files['model.json'])) as Manifest;

describe('the reference of a program with a long loop', () => {
  it('comes from the program for parts, and is what the loop should give', async () => {
    const time = 1500;
    const { programs, eager } = sums(time);
    const files = await packBundle(requestOf(time, programs));
    const { parity } = manifestOf(files);
    expect(parity!.programs.sample).toMatchObject({ batch: 2, through: 'advance', maxAbsoluteError: 0 });
    expect(parity!.programs.advance).not.toHaveProperty('through');
    expect(eager).toEqual({ sample: 0, advance: 1 });
    const { tensors } = decodeSafetensors(files['reference.safetensors']!, 'reference');
    const u = fillNoise({
      distribution: 'uniform',
      seed: 42,
      stream: 'sample/u',
      firstIndex: 0,
      count: 2,
      shape: [time],
    });
    let [worst, sum] = [0, 0];
    for (const [i, value] of u.entries()) {
      sum = i % time === 0 ? value : sum + value;
      worst = Math.max(worst, Math.abs(tensors['sample/out/data']!.data[i]! - sum));
    }
    // 1500 roundings of numbers up to 750, each at most 3e-5.
    expect(worst).toBeLessThan(1500 * 3e-5);
    expect(tensors['sample/in/u']!.data).toEqual(u);
    // The reference of the parts starts in the middle, so that a carry that is not read would be seen.
    expect(Math.max(...tensors['advance/in/sum']!.data.map(Math.abs))).toBeGreaterThan(0);
  });

  it('is the eager run for a short one', async () => {
    const { programs, eager } = sums(600);
    const { parity } = manifestOf(await packBundle(requestOf(600, programs)));
    expect(parity!.programs.sample).not.toHaveProperty('through');
    expect(eager).toEqual({ sample: 1, advance: 1 });
  });

  it('gives a loop other noise before it calls it wrong, and nothing else', async () => {
    // Off by one in the first eager run alone, as after a draw on a boundary.
    const { programs, eager } = sums(30);
    const run = programs.advance!.run;
    const once: typeof run = (inputs) => {
      const outputs = run(inputs);
      return eager.advance === 1 ? { ...outputs, data: tf.add(outputs.data!, 1) } : outputs;
    };
    const advance = { ...programs.advance!, run: once };
    const { parity } = manifestOf(await packBundle(requestOf(30, { ...programs, advance })));
    expect(parity!.programs.advance!.maxRelativeError).toBeLessThan(1e-6);
    expect(eager.advance).toBe(2);
    const always = {
      ...programs.advance!,
      run: ({ u, sum }: Record<string, tf.Tensor>) => {
        const outputs = run({ u: u!, sum: sum! });
        return currentRecorder() === null ? { ...outputs, data: tf.add(outputs.data!, 1) } : outputs;
      },
    };
    await expect(packBundle(requestOf(30, { ...programs, advance: always }))).rejects.toThrow(
      /program advance/,
    );
  });

  it('the export says so when the parts do not add up to the whole', async () => {
    const { programs } = sums(1500, { wrong: 1 });
    await expect(packBundle(requestOf(1500, programs))).rejects.toThrow(/program sample: .*differs/);
  });
});

/** A program that computes other values eagerly than when it is traced. */
function apart(change: (y: tf.Tensor) => tf.Tensor, distribution: (u: tf.Tensor) => tf.Tensor = tf.neg) {
  const sample: ExportedProgram = {
    signature: { inputs: noise(4), outputs: { data: data(4) } },
    run: ({ u }) => ({ data: currentRecorder() === null ? change(distribution(u!)) : distribution(u!) }),
  };
  return requestOf(4, { sample });
}

describe('the verdict', () => {
  const failed = async (request: BundleRequest) =>
    packBundle(request).then(
      () => expect.fail('the export passed'),
      (error: unknown) => error as ParityError,
    );

  it('is one line with the place and the size of the error, and the files are there', async () => {
    const error = await failed(apart((y) => tf.add(y, 1e-3)));
    expect(error).toBeInstanceOf(ParityError);
    expect(error.message).toMatch(
      /^program sample: output 'data' of onnxruntime differs from tfjs by 1\.0e-3, .*allowed: 0\.000001 and 0\.0001 of the scale\)$/,
    );
    const { parity, programs } = manifestOf(error.files);
    expect(parity!.programs.sample).toMatchObject({ passed: false });
    expect(parity!.programs.sample!.maxAbsoluteError).toBeCloseTo(1e-3, 6);
    expect(error.files[programs.sample!.file]!.length).toBe(programs.sample!.bytes);
  });

  it('an error that is infinite leaves a manifest that can be read', async () => {
    const error = await failed(apart((y) => tf.div(y, 0)));
    const manifest = parseManifest(manifestOf(error.files), 'test');
    expect(manifest.parity!.programs.sample!.maxAbsoluteError).toBe(Number.MAX_VALUE);
  });

  it('a sparse sigmoid passes, whose values onnxruntime gives to 1e-7 but not to 1e-4 of their scale', async () => {
    const files = await packBundle(apart(tf.clone, (u) => tf.sigmoid(tf.sub(tf.mul(u, -6), 12))));
    const { maxAbsoluteError, passed } = manifestOf(files).parity!.programs.sample!;
    expect(passed).toBe(true);
    const largest = 1 / (1 + Math.exp(12));
    // What the test is about: relative to the scale alone it would have been refused.
    expect(maxAbsoluteError).toBeGreaterThan(1e-4 * largest);
    expect(maxAbsoluteError).toBeLessThan(1e-6);
  });

  it('values that are not numbers are refused, though both sides agree on them', async () => {
    const error = await failed(apart(tf.clone, (u) => tf.log(tf.sub(u, 2))));
    expect(error.message).toMatch(/^program sample: output 'data' is not a number.*diverged/);
  });
});

it('a picture is of what the program sample draws', async () => {
  const { programs } = sums(30);
  const drawn: HostTensor[] = [];
  const render = async (samples: HostTensor) => {
    drawn.push(samples);
    return { file: 'sample.bin', bytes: Uint8Array.of(1, 2, 3) };
  };
  const files = await packBundle({ ...requestOf(30, programs), sample: { seed: 5, count: 7, render } });
  expect(files['sample.bin']).toEqual(Uint8Array.of(1, 2, 3));
  expect(manifestOf(files).sample).toMatchObject({ file: 'sample.bin', bytes: 3, seed: 5, count: 7 });
  expect(drawn.map(({ shape }) => shape)).toEqual([[7, 30]]);
  const u = fillNoise({
    distribution: 'uniform',
    seed: 5,
    stream: 'sample/u',
    firstIndex: 6,
    count: 1,
    shape: [30],
  });
  const total = u.reduce((a, b) => a + b, 0);
  expect(drawn[0]!.data[7 * 30 - 1]).toBeCloseTo(total, 4);
});

it('counts the steps of loops within loops', () => {
  const nested: ExportedProgram = {
    signature: { inputs: noise(12), outputs: { data: data(12) } },
    run: ({ u }) => {
      const { outputs } = scan({
        carries: { sum: tf.zeros([u!.shape[0]!]) },
        sequences: { u: tf.reshape(tf.transpose(u!), [3, 4, -1]) },
        body: ({ sum }, { u }) => {
          const { sums, last } = runningSums(tf.transpose(u!), sum!);
          return { carries: { sum: last }, outputs: { sums: tf.transpose(sums) } };
        },
      });
      return { data: tf.transpose(tf.reshape(outputs.sums!, [12, -1])) };
    },
  };
  expect(loopSteps(traceExported('nested', nested))).toBe(3 + 3 * 4);
});

describe('weights that programs share', () => {
  const w = tf.randomNormal([8, 300], 0, 1, 'float32', 1) as tf.Tensor2D;
  const bias = tf.randomNormal([300], 0, 1, 'float32', 2);
  const outputs = { data: { dtype: 'float32', shape: [300], meaning: 'data' } } as const;
  const programOf = (role: 'noise' | 'latent'): ExportedProgram => ({
    signature: {
      inputs: {
        z:
          role === 'latent'
            ? { dtype: 'float32', shape: [8], role }
            : { dtype: 'float32', shape: [8], role, distribution: 'normal' },
      },
      outputs,
    },
    run: ({ z }) => ({ data: tf.add(tf.matMul(z!, w), bias) }),
  });
  const programs = { sample: programOf('noise'), decode: programOf('latent') };
  const packed = (formats: BundleRequest['formats']) =>
    packBundle({ ...requestOf(300, programs), formats, weights: { 'state/w': w, 'state/bias': bias } });

  it('are in the bundle once, under their names, and the programs compute what those with their own do', async () => {
    const [shared, own] = [await packed(['shared']), await packed(['onnx'])];
    const { tensors } = decodeSafetensors(shared['weights.safetensors']!, 'weights');
    expect(Object.fromEntries(Object.entries(tensors).map(([name, { shape }]) => [name, shape]))).toEqual({
      'state/w': [8, 300],
      'state/bias': [300],
    });
    expect(tensors['state/w']!.data).toEqual(w.dataSync());
    const [manifest, other] = [manifestOf(shared), manifestOf(own)];
    expect([manifest.version, other.version]).toEqual([2, 1]);
    expect(other).not.toHaveProperty('weights');
    expect(manifest.weights).toEqual([
      {
        file: 'weights.safetensors',
        bytes: shared['weights.safetensors']!.length,
        sha256: sha256Hex(shared['weights.safetensors']!),
      },
    ]);
    for (const { weights, bytes } of Object.values(manifest.programs)) {
      expect(weights).toEqual(['weights.safetensors']);
      expect(bytes).toBeLessThan(1000);
    }
    const results = await Promise.all([shared, own].map(samplesOf));
    expect(results[0]).toEqual(results[1]);
    // The reference was computed by tfjs.
    expect(manifest.parity!.programs.decode).toMatchObject({ passed: true });
  });

  it('are named beside a GraphModel of the same programs as well', async () => {
    const files = await packed(['shared', 'graph-model']);
    expect(Object.keys(manifestOf(files).graphModels!)).toEqual(['sample', 'decode']);
    expect(files).toHaveProperty('weights.safetensors');
  });
});

async function samplesOf(files: Readonly<Record<string, Uint8Array>>): Promise<ArrayLike<number>> {
  const bundle = await openBundle({ describe: () => 'memory', read: async (path) => files[path]! });
  const sampler = createSampler(bundle, await createExecutor('cpu'));
  const { data } = await sampler.sample({ count: 5, seed: 1 });
  await sampler.release();
  return data.data;
}
