import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, sizeOf, stepInputs } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { onnxEngine } from '../../engine/onnx-engine.ts';
import type { HostState } from '../../model/state.ts';
import { exportedSampler } from '../../testing/sampler-test-support.ts';
import { describeData } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const shape = [2, 2, 1] as const;
const visible = 4;

function imagesOf(rows: readonly (readonly number[])[]) {
  const spec = { kind: 'image', shape, range: [0, 1] } as const;
  return floatDataset(
    { name: 'bits', split: 'train', spec, size: rows.length, labels: null, classNames: [] },
    Float32Array.from(rows.flat()),
  );
}

const states = Array.from({ length: 16 }, (_, bits) => [0, 1, 2, 3].map((i) => (bits >> i) & 1));
const images = imagesOf(states);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

function modelOf(options: Record<string, unknown>, batchSize = 4) {
  return buildModel(familyNamed('gsn'), options, describeData(images), {}, batchSize).model;
}

/** Weights of some strength. */
function strong(start: HostState): HostState {
  return Object.fromEntries(
    Object.entries(start).map(([name, { shape, data }]) => {
      const turn = 1.3 + name.length / 7;
      return [
        name,
        hostTensor(
          'float32',
          shape,
          Array.from(data, (_, i) => 1.5 * Math.sin(turn * i + 1)),
        ),
      ];
    }),
  );
}

/** [n, outputs] of rows [n, inputs] and weights as they lie in the state, in doubles; the transpose where asked. */
function product(rows: number[][], { shape, data }: HostState[string], transposed = false): number[][] {
  const [inputs, outputs] = shape as [number, number];
  return rows.map((row) =>
    Array.from({ length: transposed ? inputs : outputs }, (_, j) =>
      row.reduce((sum, x, i) => sum + x * data[transposed ? j * outputs + i : i * outputs + j]!, 0),
    ),
  );
}

describe('the chain of a network of one layer without noise in it', () => {
  it('comes to the stationary distribution of its transition matrix', async () => {
    const [saltAndPepper, hidden] = [0.3, 3];
    const model = modelOf({ hidden: [hidden], saltAndPepper, hiddenNoise: 0, sampleSteps: 60 });
    const state = strong(initialState(model, 1));
    const h = product(states, state['weights/0']!).map((row) =>
      row.map((x, j) => Math.tanh(x + state['bias/1']!.data[j]!)),
    );
    const p = product(h, state['weights/0']!, true).map((row) =>
      row.map((x, i) => sigmoid(x + state['bias/0']!.data[i]!)),
    );
    const expected = drawnShares(p, saltAndPepper);

    const count = 8000;
    const sampler = await exportedSampler(model, state, images);
    const { data } = await sampler.sample({ count, seed: 2, batchSize: 2000, draw: 'sample' });
    const means = await sampler.sample({ count: 2000, seed: 2, batchSize: 2000 });
    await sampler.release();
    for (const [s, bits] of states.entries()) {
      let found = 0;
      for (let n = 0; n < count; n++) if (bits.every((bit, i) => bit === data.data[n * visible + i])) found++;
      const error = Math.sqrt((expected[s]! * (1 - expected[s]!)) / count);
      expect(Math.abs(found / count - expected[s]!), `state ${s}`).toBeLessThan(4.5 * error + 1e-4);
    }
    // Means of the last step have the mean of what is drawn by them.
    for (let i = 0; i < visible; i++) {
      const mean = expected.reduce((sum, share, s) => sum + share * states[s]![i]!, 0);
      const found = Array.from({ length: 2000 }, (_, n) => means.data.data[n * visible + i]!);
      expect(Math.abs(found.reduce((a, b) => a + b, 0) / 2000 - mean)).toBeLessThan(
        4.5 * (0.5 / Math.sqrt(2000)),
      );
    }
  });
});

describe('a step of training', () => {
  it('reports the cross-entropy of a walk of two layers that is written out in doubles', async () => {
    const [batchSize, walkback, saltAndPepper, hiddenNoise] = [4, 3, 0.4, 0.7];
    const options = { hidden: [3, 2], walkback, saltAndPepper, hiddenNoise, noisyFirst: true };
    const model = modelOf(options, batchSize);
    const state = strong(initialState(model, 1));
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize, dataShape: shape });
    await trainer.setState(state);
    const indices = batchPlan('shuffled', images.size, batchSize, 1)(0);
    const inputs = await stepInputs(model, images, indices, { seed: 5, step: 0, learningRate: 0 });
    const reported = await trainer.step(inputs);
    await trainer.release();

    const noiseOf = (name: string) => {
      const { distribution, shape } = model.step.noise[name]!;
      const { data, shape: whole } = inputs.noise[name]!;
      expect(whole).toEqual([batchSize, ...shape]);
      expect(distribution).toBe(name.startsWith('noise') ? 'normal' : 'uniform');
      const size = sizeOf(shape);
      return (row: number, ...at: number[]) =>
        data[row * size + at.reduce((index, a, axis) => index * shape[axis]! + a, 0)]!;
    };
    const [drawn, spoilt] = [noiseOf('drawn'), noiseOf('corrupted')];
    const kick = [undefined, noiseOf('noise/1'), noiseOf('noise/2')];
    const spoil = (x: number, u: number) => (u < saltAndPepper ? (u < saltAndPepper / 2 ? 1 : 0) : x);
    const x = Array.from({ length: batchSize }, (_, n) =>
      Array.from(inputs.data.data.slice(n * visible, (n + 1) * visible)),
    );
    let [v, top] = [x, x.map(() => [0, 0])];
    const losses: number[] = [];
    const latent = (layer: 1 | 2, sums: number[][], step: number) =>
      sums.map((row, n) =>
        row.map((sum, j) => {
          const [before, after] = [0, 1].map((k) => hiddenNoise * kick[layer]!(n, step, k, j));
          return Math.tanh(sum + state[`bias/${layer}`]!.data[j]! + before!) + after!;
        }),
      );
    for (let step = 0; step < walkback; step++) {
      const corrupted = v.map((row, n) => row.map((value, i) => spoil(value, spoilt(n, step, i))));
      const below = product(corrupted, state['weights/0']!);
      const above = product(top, state['weights/1']!, true);
      const h = latent(
        1,
        below.map((row, n) => row.map((value, j) => value + above[n]![j]!)),
        step,
      );
      top = latent(2, product(h, state['weights/1']!), step);
      const p = product(h, state['weights/0']!, true).map((row) =>
        row.map((value, i) => sigmoid(value + state['bias/0']!.data[i]!)),
      );
      const entropy = p.map((row, n) =>
        row.reduce((sum, q, i) => sum - (x[n]![i]! * Math.log(q) + (1 - x[n]![i]!) * Math.log(1 - q)), 0),
      );
      losses.push(entropy.reduce((a, b) => a + b, 0) / batchSize);
      v = p.map((row, n) => row.map((q, i) => (drawn(n, step, i) < q ? 1 : 0)));
    }
    expect(reported.firstStep).toBeCloseTo(losses[0]!, 4);
    expect(reported.lastStep).toBeCloseTo(losses[2]!, 4);
    expect(reported.loss).toBeCloseTo((losses[0]! + losses[1]! + losses[2]!) / 3, 4);
  });
});

/** The share of each state among the values that a chain draws, given p(x_i = 1) after corrupted values of each. */
function drawnShares(given: readonly (readonly number[])[], saltAndPepper: number): number[] {
  const chances = (units: (bit: number, i: number) => number) =>
    states.map((to) => to.reduce((product, bit, i) => product * units(bit, i), 1));
  const draws = given.map((p) => chances((bit, i) => (bit ? p[i]! : 1 - p[i]!)));
  const corruptions = states.map((from) =>
    chances((bit, i) => saltAndPepper / 2 + (bit === from[i] ? 1 - saltAndPepper : 0)),
  );
  const after = (row: number[], matrix: number[][]) =>
    states.map((_, to) => row.reduce((sum, share, from) => sum + share * matrix[from]![to]!, 0));
  let shares = states.map(() => 1 / 16);
  for (let step = 0; step < 500; step++) shares = after(after(shares, corruptions), draws);
  return shares;
}

it('learns the chain of the best denoiser there is', async () => {
  const saltAndPepper = 0.4;
  const rows = Array.from({ length: 100 }, (_, n) => (n % 4 === 0 ? [1, 1, 0, 0] : [0, 0, 1, 1]));
  const data = imagesOf(rows);
  const options = { hidden: [16], walkback: 1, hiddenNoise: 0, saltAndPepper, sampleSteps: 100 };
  const model = buildModel(familyNamed('gsn'), options, describeData(data), {}, 50).model;
  const trainer = await onnxEngine('cpu').prepare(model, { batchSize: 50, dataShape: shape });
  await trainer.setState(initialState(model, 1));
  const plan = batchPlan('shuffled', data.size, 50, 1);
  const steps = 1000;
  for (let step = 0; step < steps; step++) {
    const key = { seed: 1, step, learningRate: 0.03 * (1 - step / steps) };
    await trainer.step(await stepInputs(model, data, plan(step), key));
  }
  const state = await trainer.getState();
  await trainer.release();
  const count = 4000;
  const sampler = await exportedSampler(model, state, data);
  const drawing = { count, seed: 1, batchSize: count, draw: 'sample' } as const;
  const { data: samples } = await sampler.sample(drawing);
  await sampler.release();
  // Of each unit, the probability given what corruption has left: Bayes' rule over the data.
  const posterior = states.map((seen) => {
    const weights = rows.map((row) =>
      row.reduce(
        (product, bit, i) => product * (saltAndPepper / 2 + (bit === seen[i] ? 1 - saltAndPepper : 0)),
        1,
      ),
    );
    const total = weights.reduce((a, b) => a + b, 0);
    return [0, 1, 2, 3].map((i) => rows.reduce((sum, row, n) => sum + row[i]! * weights[n]!, 0) / total);
  });
  const shares = drawnShares(posterior, saltAndPepper);
  let distance = 0;
  for (const [s, bits] of states.entries()) {
    let found = 0;
    for (let n = 0; n < count; n++)
      if (bits.every((bit, i) => bit === samples.data[n * visible + i])) found++;
    distance += Math.abs(found / count - shares[s]!) / 2;
  }
  // In total variation, where 4,000 samples of that chain itself are 0.02 off.
  expect(distance).toBeLessThan(0.04);
});
