import { tf } from '@generatrix/export';
import { batchPlan, hostTensor, type Sampler, stepInputs } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../../data/dataset.ts';
import { initialState } from '../../../engine/initial-state.ts';
import { onnxEngine } from '../../../engine/onnx-engine.ts';
import type { HostState } from '../../../model/state.ts';
import { exportedSampler } from '../../../testing/sampler-test-support.ts';
import { describeData } from '../../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../../registry.ts';
import { allStates } from '../rbm/rbm-test-support.ts';
import { gaussianNames } from './gaussian-machine.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const pointsOf = (rows: readonly (readonly number[])[]) =>
  floatDataset(
    {
      ...{ name: 'points', split: 'train', spec: { kind: 'points', shape: [2] } },
      ...{ size: rows.length, labels: null, classNames: [] },
    },
    Float32Array.from(rows.flat()),
  );
/** Two clusters, further apart along one axis than along the other. */
const clusters = pointsOf(
  Array.from({ length: 1000 }, (_, n) => {
    const angle = 2 * Math.PI * ((n * 0.618) % 1);
    const radius = 0.5 * Math.sqrt(-2 * Math.log((n + 0.5) / 1000));
    const side = n % 2 === 0 ? 1 : -1;
    return [10 + 3 * side + radius * Math.cos(angle), side + radius * Math.sin(angle)];
  }),
);

/** The mixture of 2^H normal distributions that a machine is, in the data's own units and in doubles. */
function exactly(state: HostState, hidden: number) {
  const list = (name: string) => Array.from(state[name]!.data);
  const [w, b, c] = [
    list(gaussianNames.weights),
    list(gaussianNames.visibleBias),
    list(gaussianNames.hiddenBias),
  ];
  const [mean, deviation] = [list(gaussianNames.dataMean), list(gaussianNames.dataDeviation)];
  const variance = state[gaussianNames.logVariance]
    ? list(gaussianNames.logVariance).map(Math.exp)
    : b.map(() => 1);
  const parts = allStates(hidden).map((h) => {
    const centre = b.map((bi, i) => bi + h.reduce((sum, hj, j) => sum + hj * w[i * hidden + j]!, 0));
    // The integral over x of exp(-E(x, h)).
    const logWeight =
      h.reduce((sum, hj, j) => sum + hj * c[j]!, 0) +
      centre.reduce(
        (sum, m, i) =>
          sum + (m ** 2 - b[i]! ** 2) / (2 * variance[i]!) + 0.5 * Math.log(2 * Math.PI * variance[i]!),
        0,
      );
    return { weight: Math.exp(logWeight), centre: centre.map((m, i) => mean[i]! + deviation[i]! * m) };
  });
  const z = parts.reduce((sum, { weight }) => sum + weight, 0);
  const density = (x: readonly number[]) =>
    parts.reduce((sum, { weight, centre }) => {
      const each = x.map((xi, i) => {
        const spread = variance[i]! * deviation[i]! ** 2;
        return Math.exp(-((xi - centre[i]!) ** 2) / (2 * spread)) / Math.sqrt(2 * Math.PI * spread);
      });
      return sum + (weight / z) * each.reduce((product, p) => product * p, 1);
    }, 0);
  return {
    ...{ logZ: Math.log(z), density },
    parts: parts.map(({ weight, centre }) => ({ weight: weight / z, centre })),
    spread: variance.map((v, i) => v * deviation[i]! ** 2),
    mean: [0, 1].map((i) => parts.reduce((sum, { weight, centre }) => sum + (weight / z) * centre[i]!, 0)),
    variance: [0, 1].map((i) => {
      const first = parts.reduce((sum, { weight, centre }) => sum + (weight / z) * centre[i]!, 0);
      const spread = parts.reduce((s, { weight, centre }) => s + (weight / z) * (centre[i]! - first) ** 2, 0);
      return spread + variance[i]! * deviation[i]! ** 2;
    }),
  };
}

describe.each(['learned', 'unit'])('a machine of few hidden units, variance %s', (variance) => {
  const hidden = 3;
  let sampler: Sampler;
  let exact: ReturnType<typeof exactly>;
  beforeAll(async () => {
    const options = { hidden, variance, sampleSteps: 80, temperatures: 300 };
    const { model } = buildModel(familyNamed('grbm'), options, describeData(clusters), {}, 10);
    const start = await model.initialise!(initialState(model, 1), clusters, 1);
    const state = Object.fromEntries(
      Object.entries(start).map(([name, { shape, data }]) => {
        const own = !name.startsWith('data/') && name !== 'chains';
        const values = Array.from(data, (x, i) =>
          own ? 0.9 * Math.sin((1.3 + name.length / 7) * i + 1) : x,
        );
        return [name, hostTensor('float32', shape, values)];
      }),
    );
    exact = exactly(state, hidden);
    sampler = await exportedSampler(model, state, clusters);
  });
  afterAll(() => sampler.release());

  it('has the density of a mixture, which integrates to 1 over the plane', async () => {
    const [side, step] = [160, [0.35, 0.12]];
    const rows = Array.from({ length: side * side }, (_, n) =>
      [Math.floor(n / side), n % side].map((at, i) =>
        Math.fround(exact.mean[i]! + (at - side / 2 + 0.5) * step[i]!),
      ),
    );
    const data = hostTensor('float32', [rows.length, 2], rows.flat());
    const sources = { seed: 1, firstIndex: 0, count: rows.length, data };
    const { freeEnergy } = await sampler.run('freeEnergy', sources, { batchSize: rows.length });
    const densities = Array.from(freeEnergy!.data, (energy) => Math.exp(-energy - exact.logZ));
    expect(densities.reduce((sum, p) => sum + p, 0) * step[0]! * step[1]!).toBeCloseTo(1, 3);
    const largest = Math.max(...densities);
    for (const [n, row] of rows.entries())
      expect(Math.abs(densities[n]! - exact.density(row))).toBeLessThan(1e-4 * largest);
  });

  it('has its log Z between estimates from both sides, within three standard errors for 19 of 20 seeds', async () => {
    for (const estimate of [
      (seed: number) => sampler.logPartition({ seed, chains: 60 }),
      (seed: number) => sampler.logPartitionBack({ seed, chains: 60 }),
    ]) {
      const found = await Promise.all(Array.from({ length: 20 }, (_, seed) => estimate(seed + 1)));
      const inside = found.filter(({ interval: [low, high] }) => low <= exact.logZ && exact.logZ <= high);
      expect(inside.length).toBeGreaterThanOrEqual(19);
      const mean = found.reduce((sum, { logZ }) => sum + logZ, 0) / found.length;
      expect(Math.abs(mean - exact.logZ)).toBeLessThan(0.05);
    }
  });

  it('draws with the means and variances of the mixture', async () => {
    const count = 6000;
    const { data } = await sampler.sample({ count, seed: 2, batchSize: 2000 });
    for (const i of [0, 1]) {
      const column = Array.from({ length: count }, (_, n) => data.data[2 * n + i]!);
      const mean = column.reduce((sum, x) => sum + x, 0) / count;
      const squares = column.map((x) => (x - mean) ** 2);
      const spread = squares.reduce((sum, x) => sum + x, 0) / count;
      const ofSpread = squares.reduce((sum, x) => sum + (x - spread) ** 2, 0) / count;
      expect(Math.abs(mean - exact.mean[i]!)).toBeLessThan(4.5 * Math.sqrt(spread / count));
      expect(Math.abs(spread - exact.variance[i]!)).toBeLessThan(4.5 * Math.sqrt(ofSpread / count));
    }
  });
});

describe('completion of an image of two pixels', () => {
  const images = floatDataset(
    {
      ...{ name: 'pairs', split: 'train', spec: { kind: 'image', shape: [2, 1, 1], range: [0, 1] } },
      ...{ size: 500, labels: null, classNames: [] },
    },
    Float32Array.from({ length: 1000 }, (_, i) => 0.5 + 0.4 * Math.sin(1.7 * i) * Math.cos(0.3 * i)),
  );
  const hidden = 3;
  let sampler: Sampler;
  let exact: ReturnType<typeof exactly>;
  beforeAll(async () => {
    const { model } = buildModel(familyNamed('grbm'), { hidden }, describeData(images), {}, 10);
    const start = await model.initialise!(initialState(model, 1), images, 1);
    const state = Object.fromEntries(
      Object.entries(start).map(([name, { shape, data }]) => {
        const own = !name.startsWith('data/') && name !== 'chains';
        const values = Array.from(data, (x, i) => (own ? Math.sin((1.3 + name.length / 7) * i + 1) : x));
        return [name, hostTensor('float32', shape, values)];
      }),
    );
    exact = exactly(state, hidden);
    sampler = await exportedSampler(model, state, images);
  });
  afterAll(() => sampler.release());

  const repeated = (count: number, first: number) =>
    hostTensor(
      'float32',
      [count, 2, 1, 1],
      Array.from({ length: 2 * count }, (_, i) => (i % 2 ? 9 : first)),
    );

  it.each([0.2, 0.9])('given the first as %f draws the second by the exact conditional', async (given) => {
    const count = 8000;
    const request = { data: repeated(count, given), known: 1, seed: 3, batchSize: 4000, steps: 120 };
    const { data } = await sampler.complete({ ...request, draw: 'sample' });
    const weights = exact.parts.map(
      ({ weight, centre }) => weight * Math.exp(-((given - centre[0]!) ** 2) / (2 * exact.spread[0]!)),
    );
    const total = weights.reduce((sum, w) => sum + w, 0);
    const expected = (of: (centre: number) => number) =>
      exact.parts.reduce((sum, { centre }, k) => sum + (weights[k]! / total) * of(centre[1]!), 0);
    const mean = expected((centre) => centre);
    const variance = expected((centre) => (centre - mean) ** 2) + exact.spread[1]!;
    const second = Array.from({ length: count }, (_, n) => data.data[2 * n + 1]!);
    const found = second.reduce((sum, x) => sum + x, 0) / count;
    expect(Math.abs(found - mean)).toBeLessThan(4.5 * Math.sqrt(variance / count));
    const squares = second.map((x) => (x - found) ** 2);
    const spread = squares.reduce((sum, x) => sum + x, 0) / count;
    const ofSpread = squares.reduce((sum, x) => sum + (x - spread) ** 2, 0) / count;
    expect(Math.abs(spread - variance)).toBeLessThan(4.5 * Math.sqrt(ofSpread / count));
  });

  it('gives what is known back to the bit, in any batches and runs, and means of the rest', async () => {
    const given = Math.fround(0.3);
    const request = { data: repeated(7, given), known: 1, seed: 3 };
    const { data } = await sampler.complete(request);
    for (let n = 0; n < 7; n++) expect(data.data[2 * n]).toBe(given);
    expect((await sampler.complete({ ...request, batchSize: 3, stepsPerRun: 7 })).data).toEqual(data);
    expect((await sampler.complete({ ...request, draw: 'sample' })).data).not.toEqual(data);
    expect((await sampler.complete({ ...request, known: 2 })).data).toEqual(request.data);
  });
});

it('completes no points', () => {
  const { model } = buildModel(familyNamed('grbm'), {}, describeData(clusters), {}, 10);
  expect(model.programs.complete).toBeUndefined();
});

it.each(['data', 'tempered'])(
  'learns two clusters with chains %s, by the exact likelihood',
  async (chains) => {
    const hidden = 2;
    const options = { hidden, chains, replicas: 4, gibbs: 3 };
    const { model } = buildModel(familyNamed('grbm'), options, describeData(clusters), {}, 100);
    const logLikelihood = async (state: HostState) => {
      const { density } = exactly(state, hidden);
      const { data } = await clusters.gather([...Array(1000).keys()]);
      let sum = 0;
      for (let n = 0; n < 1000; n++) sum += Math.log(density([data[2 * n]!, data[2 * n + 1]!]));
      return sum / 1000;
    };
    const start = await model.initialise!(initialState(model, 1), clusters, 1);
    const trainer = await onnxEngine('cpu').prepare(model, { batchSize: 100, dataShape: [2] });
    await trainer.setState(start);
    const plan = batchPlan('shuffled', clusters.size, 100, 1);
    const steps = 1500;
    for (let step = 0; step < steps; step++) {
      const key = { seed: 1, step, learningRate: 0.02 * (1 - step / steps) };
      await trainer.step(await stepInputs(model, clusters, plan(step), key));
    }
    const state = await trainer.getState();
    await trainer.release();
    // Two clusters of the deviation 0.5 in the plane: -log 2 - log(2 pi / 4) - 1.
    const best = -Math.log(2) - Math.log((2 * Math.PI) / 4) - 1;
    expect(await logLikelihood(start)).toBeLessThan(best - 0.5);
    expect(await logLikelihood(state)).toBeGreaterThan(best - 0.1);
  },
);
