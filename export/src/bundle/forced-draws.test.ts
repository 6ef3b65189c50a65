import {
  checkParity,
  createExecutor,
  decodeSafetensors,
  type Executor,
  fillNoise,
  hostTensor,
  type Manifest,
  openBundle,
} from '@generatrix/runtime';
import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { currentRecorder } from '../trace/backend.ts';
import { scan } from '../trace/scan.ts';
import { type BundleFiles, type BundleRequest, packBundle } from './pack.ts';
import type { ExportedProgram } from './program.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const time = 40;
const batch = 2;
const place = 5;
/** The noise that the reference run starts from. */
const noise = fillNoise({
  ...{ distribution: 'uniform', seed: 42, stream: 'sample/u' },
  ...{ firstIndex: 0, count: batch, shape: [time] },
});

/**
 * Coins whose chance of 1 depends on the share of ones so far, and is, at `place`, for the first example, its own
 * noise: the draw there falls on either side.
 * @param shift added to the chances where the program is traced, as if a runtime computed them a little off
 */
function coins(shift: number): Record<string, ExportedProgram> {
  const first = noise[place]!;
  const chance = (ones: tf.Tensor, at: tf.Tensor) => {
    const usual = tf.add(tf.mul(tf.div(ones, tf.add(at, 1)), 0.5), 0.25);
    const here = tf.cast(tf.equal(at, place), 'float32');
    const p = tf.add(tf.mul(here, first), tf.mul(tf.sub(1, here), usual));
    return currentRecorder() === null ? p : tf.add(p, shift);
  };
  const places = () => tf.tensor1d(Float32Array.from({ length: time }, (_, i) => i));
  return {
    sample: {
      signature: {
        inputs: { u: { dtype: 'float32', shape: [time], role: 'noise', distribution: 'uniform' } },
        outputs: { data: { dtype: 'float32', shape: [time], meaning: 'data' } },
      },
      run: ({ u }) => {
        const { outputs } = scan({
          carries: { ones: tf.zeros([u!.shape[0]!]) },
          sequences: { u: tf.transpose(u!), at: places() },
          body: ({ ones }, { u, at }) => {
            const x = tf.cast(tf.less(u!, chance(ones!, at!)), 'float32');
            return { carries: { ones: tf.add(ones!, x) }, outputs: { x } };
          },
        });
        return { data: tf.transpose(outputs.x!) };
      },
      forced: ({ u }, drawn) => {
        const p = chance(tf.cumsum(drawn, 1, true), tf.reshape(places(), [1, time]));
        const data = tf.cast(tf.less(u!, p), 'float32');
        const [zero, two] = [tf.fill(p.shape, -1), tf.fill(p.shape, 2)];
        const one = tf.greater(data, 0);
        return { data, bounds: { u: { lower: tf.where(one, zero, p), upper: tf.where(one, p, two) } } };
      },
    },
  };
}

function requestOf(programs: Record<string, ExportedProgram>): BundleRequest {
  return {
    about: {
      ...{ name: 'coins', family: 'coins', options: {} },
      data: { kind: 'points', shape: [time], name: 'none', classNames: [] },
      provenance: { seed: 1, dataset: 'none', steps: 0, engine: 'none', metrics: {}, generatrixVersion: '0' },
    },
    programs,
    formats: ['onnx'],
    examples: hostTensor('float32', [batch, time], new Float32Array(batch * time)),
  };
}

const manifestOf = (files: BundleFiles) =>
  JSON.parse(new TextDecoder().decode(files['model.json'])) as Manifest;
const openMemory = (files: BundleFiles) =>
  openBundle({ describe: () => 'memory', read: async (path) => files[path]! });

describe('a draw that lies on a threshold to rounding', () => {
  // 1e-6: what two runtimes may differ by. The noise is one of them, so one of the two falls on the other side.
  const shift = 1e-6;

  it('is counted, and leaves a reference that no such difference changes', async () => {
    const { sample } = coins(shift);
    const files = await packBundle(requestOf({ sample: sample! }));
    expect(manifestOf(files).parity!.programs.sample).toMatchObject({
      ...{ passed: true, flips: 1, maxAbsoluteError: 0 },
    });
    const { tensors } = decodeSafetensors(files['reference.safetensors']!, 'reference');
    const margin = [...tensors['sample/margin/data']!.data];
    expect(margin).toHaveLength(batch * time);
    expect(Math.min(...margin)).toBeGreaterThan(1e-4);
    const moved = tensors['sample/in/u']!.data;
    expect(Math.abs(moved[place]! - noise[place]!)).toBeCloseTo(1.25e-4, 5);
    // Noise that was far enough away is as it was.
    const apart = [...moved].map((u, i) => Math.abs(u - noise[i]!));
    expect(apart.filter((change) => change > 0).length).toBeLessThan(5);
    // A runtime that is off the other way makes the same choices.
    const other = await packBundle(requestOf(coins(-shift) as BundleRequest['programs']));
    const bundle = await openMemory({ ...files, 'sample.onnx': other['sample.onnx']! });
    const rows = await checkParity(unverified(bundle, other['sample.onnx']!), await createExecutor('cpu'));
    expect(rows).toMatchObject([{ output: 'data', flips: 0, passed: true, maxAbsoluteError: 0 }]);
  });

  it('chances off by more than the tolerance are refused at the export, step by step', async () => {
    // Of 80 draws with chances off by 0.02, one or two go the other way.
    const programs = coins(0.02);
    await expect(packBundle(requestOf(programs))).rejects.toThrow(
      /^program sample: onnxruntime draws other values than tfjs given the same values before them/,
    );
  });

  it('and on another device by the bundle', async () => {
    const files = await packBundle(requestOf(coins(0)));
    const bundle = await openMemory(files);
    const real = await createExecutor('cpu');
    const { inputs } = manifestOf(files).programs.sample!;
    expect(Object.keys(inputs)).toEqual(['u']);
    // A device whose draws go another way after the eleventh, far from any threshold.
    const broken: Executor = {
      ...real,
      load: async (name, onnx) => {
        const loaded = await real.load(name, onnx);
        const run: typeof loaded.run = async (given) => {
          const outputs = await loaded.run(given);
          const data = outputs.data as { data: Float32Array };
          for (let i = 11; i < time; i++) data.data[i] = 1 - data.data[i]!;
          return outputs;
        };
        return { inputs: loaded.inputs, outputs: loaded.outputs, run, release: () => loaded.release() };
      },
    };
    expect(await checkParity(bundle, broken)).toMatchObject([{ passed: false, flips: 0 }]);
    expect(await checkParity(bundle, real)).toMatchObject([{ passed: true, flips: 0 }]);
  });
});

/** The bundle with another program in the place of its own, not verified by its hash. */
function unverified(bundle: Awaited<ReturnType<typeof openMemory>>, onnx: Uint8Array) {
  return { ...bundle, readProgram: async () => onnx };
}
