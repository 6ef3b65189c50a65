import {
  checkParity,
  createExecutor,
  fillNoise,
  hostTensor,
  type Manifest,
  openBundle,
} from '@generatrix/runtime';
import { decodeSafetensors } from '@generatrix/runtime/core';
import { beforeAll, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import { packBundle } from './pack.ts';
import type { ExportedProgram } from './program.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const [time, batch, part] = [1500, 2, 500];
/** The chance of a 1 after a 0 and after a 1. */
const [afterZero, afterOne] = [0.35, 0.8];

const chance = (before: tf.Tensor) => tf.add(tf.mul(before, afterOne - afterZero), afterZero);

/** Coins of which each leans to the one before it; the first `known` are given. */
function chain(u: tf.Tensor, given: tf.Tensor, known: tf.Tensor, before: tf.Tensor) {
  const length = u.shape[1]!;
  const places = tf.tensor1d(Float32Array.from({ length }, (_, t) => t));
  const { carries, outputs } = scan({
    carries: { before },
    sequences: {
      u: tf.transpose(u),
      given: tf.transpose(given),
      isKnown: tf.cast(tf.less(places, known), 'float32'),
    },
    body: (carry, { u, given, isKnown }) => {
      const drawn = tf.cast(tf.less(u!, chance(carry.before!)), 'float32');
      const x = tf.add(tf.mul(isKnown!, given!), tf.mul(tf.sub(1, isKnown!), drawn));
      return { carries: { before: x }, outputs: { x } };
    },
  });
  return { data: tf.transpose(outputs.x!), last: carries.before! };
}

const noise = (length: number) =>
  ({ dtype: 'float32', shape: [length], role: 'noise', distribution: 'uniform' }) as const;
const data = (length: number) => ({ dtype: 'float32', shape: [length], meaning: 'data' }) as const;
const given = (length: number) => ({ dtype: 'float32', shape: [length], role: 'data' }) as const;
const scalar = (max: number, start: number) =>
  ({ dtype: 'float32', shape: [], role: 'scalar', default: start, min: 0, max }) as const;

/** Values that are given: not a boundary of the parts. */
const known = 620;

const programs: Record<string, ExportedProgram> = {
  sample: {
    signature: { inputs: { u: noise(time) }, outputs: { data: data(time) } },
    run: ({ u }) => ({ data: chain(u!, tf.zerosLike(u!), tf.scalar(0), tf.zeros([u!.shape[0]!])).data }),
    forced: ({ u }, drawn) => {
      const before = tf.concat([tf.zeros([drawn.shape[0]!, 1]), tf.slice(drawn, [0, 0], [-1, time - 1])], 1);
      const p = chance(before);
      const one = tf.greater(drawn, 0.5);
      const bounds = {
        lower: tf.where(one, tf.fill(p.shape, -1), p),
        upper: tf.where(one, p, tf.fill(p.shape, 2)),
      };
      return { data: tf.cast(tf.less(u!, p), 'float32'), bounds: { u: bounds } };
    },
  },
  complete: {
    signature: {
      inputs: { given: given(time), samples: scalar(time, known), u: noise(time) },
      outputs: { data: data(time) },
    },
    run: ({ u, given: examples, samples }) => ({
      data: chain(u!, examples!, samples!, tf.zeros([u!.shape[0]!])).data,
    }),
  },
  advance: {
    signature: {
      inputs: {
        given: given(part),
        known: scalar(part, 0),
        u: noise(part),
        before: { dtype: 'float32', shape: [], role: 'carry', initial: 0 },
      },
      outputs: { data: data(part), 'next/before': { dtype: 'float32', shape: [], meaning: 'carry' } },
      stream: { chunks: time / part, axis: 0 },
    },
    run: ({ u, given: examples, known: first, before }) => {
      const drawn = chain(u!, examples!, first!, before!);
      return { data: drawn.data, 'next/before': drawn.last };
    },
  },
};

it('a long completion is drawn part by part, value by value what its noise and the given values say', async () => {
  const examples = Float32Array.from(
    fillNoise({
      distribution: 'uniform',
      seed: 5,
      stream: 'examples',
      firstIndex: 0,
      count: batch,
      shape: [time],
    }),
    (u) => (u < 0.5 ? 1 : 0),
  );
  const files = await packBundle({
    about: {
      ...{ name: 'chain', family: 'chain', options: {} },
      data: { kind: 'points', shape: [time], name: 'none', classNames: [] },
      provenance: { seed: 1, dataset: 'none', steps: 0, engine: 'none', metrics: {}, generatrixVersion: '0' },
    },
    programs,
    formats: ['onnx'],
    examples: hostTensor('float32', [batch, time], examples),
  });
  const { parity } = JSON.parse(new TextDecoder().decode(files['model.json'])) as Manifest;
  expect(parity!.programs.complete).toMatchObject({ through: 'advance', passed: true, maxAbsoluteError: 0 });
  const { tensors } = decodeSafetensors(files['reference.safetensors']!, 'reference');
  const [u, drawn] = [tensors['complete/in/u']!.data, tensors['complete/out/data']!.data];
  const margin = tensors['complete/margin/data']!.data;
  expect([...drawn]).toHaveLength(batch * time);
  for (let example = 0; example < batch; example++) {
    let before = 0;
    for (let t = 0; t < time; t++) {
      const i = example * time + t;
      const p = before === 1 ? afterOne : afterZero;
      const value = t < known ? examples[i]! : Number(u[i]! < p);
      if (drawn[i] !== value) expect.fail(`example ${example}, value ${t}: ${drawn[i]}, not ${value}`);
      if (t < known) expect(margin[i]).toBe(Number.POSITIVE_INFINITY);
      else expect(margin[i]).toBeCloseTo(Math.abs(u[i]! - p), 6);
      before = value;
    }
  }
  const bundle = await openBundle({ describe: () => 'memory', read: async (path) => files[path]! });
  const rows = await checkParity(bundle, await createExecutor('cpu'));
  expect(rows.find(({ program }) => program === 'complete')).toMatchObject({ passed: true, flips: 0 });
});
