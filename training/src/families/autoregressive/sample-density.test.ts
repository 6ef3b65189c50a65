import type { Sampler } from '@generatrix/runtime';
import { type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../data/dataset.ts';
import type { HostState } from '../../model/state.ts';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { labelled, tinyImages, tinyPoints, tinySounds } from '../../testing/tiny-data.ts';
import { families } from '../registry.ts';

/** Samples of each model. */
const drawn = 20_000;

/** A distribution over points: [n, dimensions] values, flat, and the probability of each. */
interface Distribution {
  readonly points: Float32Array;
  readonly probabilities: Float64Array;
}

interface DensityCase {
  readonly name: string;
  readonly family: string;
  readonly options: Record<string, unknown>;
  readonly dataset: Dataset;
  readonly strength?: number;
  /** Parameters, by the start of their names, that are zero. */
  readonly zero?: string;
  /** The distribution that the model scores. @param values that occur among the samples */
  distribution(sampler: Sampler, values: readonly number[]): Promise<Distribution>;
  /** What a sample stands for, when that is not the sample itself. */
  readonly rounded?: (value: number) => number;
}

/** All examples of some values, each scored by itself: the distribution of discrete data. */
const enumerated =
  (score: (sampler: Sampler, data: HostTensor) => Promise<Float64Array>) =>
  async (sampler: Sampler, values: readonly number[]): Promise<Distribution> => {
    const { shape } = sampler.manifest.data;
    const dimensions = shape.reduce((product, size) => product * size, 1);
    const count = values.length ** dimensions;
    const points = new Float32Array(count * dimensions);
    for (let i = 0; i < count; i++) {
      let rest = i;
      for (let j = 0; j < dimensions; j++) {
        points[i * dimensions + j] = values[rest % values.length]!;
        rest = Math.floor(rest / values.length);
      }
    }
    return { points, probabilities: await score(sampler, hostTensor('float32', [count, ...shape], points)) };
  };

/** Points of the plane on a grid, each standing for a cell of it. */
const overPlane =
  (reach: number, cells: number, score: (sampler: Sampler, data: HostTensor) => Promise<Float64Array>) =>
  async (sampler: Sampler): Promise<Distribution> => {
    const width = (2 * reach) / cells;
    const at = (i: number) => -reach + (i + 0.5) * width;
    const points = new Float32Array(2 * cells * cells);
    for (let i = 0; i < cells * cells; i++) {
      points[2 * i] = at(i % cells);
      points[2 * i + 1] = at(Math.floor(i / cells));
    }
    const densities = await score(sampler, hostTensor('float32', [cells * cells, 2], points));
    return { points, probabilities: densities.map((density) => density * width * width) };
  };

/** exp of `logProb`; of class 1, where there are classes. */
async function exact(sampler: Sampler, data: HostTensor): Promise<Float64Array> {
  const { values, kind } = await sampler.logProb({ data, batchSize: 4096, label: 1 });
  expect(kind).toBe('exact');
  return Float64Array.from(values, Math.exp);
}

/** The integral over a program's noise of exp(logWeight): a sum over given noise with given weights. */
const integrated =
  (input: string, noise: readonly number[][], weights: readonly number[]) =>
  async (sampler: Sampler, data: HostTensor): Promise<Float64Array> => {
    const count = data.shape[0]!;
    const { shape } = sampler.manifest.programs.logWeight!.inputs[input]!;
    const total = new Float64Array(count);
    for (const [i, values] of noise.entries()) {
      const rows = Float32Array.from({ length: count * values.length }, (_, j) => values[j % values.length]!);
      const tensors = { [input]: hostTensor('float32', [count, ...shape], rows) };
      const sources = { seed: 1, firstIndex: 0, count, data, tensors };
      const { logWeight } = await sampler.run('logWeight', sources, { batchSize: 4096 });
      for (let j = 0; j < count; j++) total[j] = total[j]! + weights[i]! * Math.exp(logWeight!.data[j]!);
    }
    return total;
  };

/** One normal number, over eight deviations to both sides. */
const normalGrid = Array.from({ length: 161 }, (_, i) => -8 + i / 10);
const overCode = integrated(
  'eps',
  normalGrid.map((value) => [value]),
  normalGrid.map((value) => (0.1 * Math.exp(-0.5 * value * value)) / Math.sqrt(2 * Math.PI)),
);
/** With these outputs zero the encoder gives the prior, which the grid of codes is made for. */
const head = 'encoder/';
/** Two uniform numbers. */
const cells = Array.from({ length: 30 }, (_, i) => (i + 0.5) / 30);
const overDequantisation = integrated(
  'uniform',
  cells.flatMap((u) => cells.map((v) => [u, v])),
  new Array<number>(cells.length ** 2).fill(cells.length ** -2),
);

const plane = { dataset: tinyPoints(60), distribution: overPlane(14, 240, exact) };
const bits = { dataset: tinyImages(40, [2, 3, 1]), distribution: enumerated(exact) };
const levels = labelled(tinyImages(24, [2, 2, 1]), 3);

const cases: readonly DensityCase[] = [
  ...(['full', 'diagonal', 'spherical', 'tied'] as const).map((covariance) => ({
    name: `gmm, ${covariance}`,
    family: 'gmm',
    options: { components: 3, covariance },
    ...plane,
  })),
  { name: 'nice, points', family: 'nice', options: { couplings: 4, hidden: [12] }, ...plane },
  {
    name: 'realnvp, points',
    family: 'realnvp',
    options: { couplings: 4, hidden: [12] },
    strength: 0.3,
    ...plane,
  },
  {
    name: 'made, mixture',
    family: 'made',
    options: { hidden: [6], components: 3 },
    strength: 0.3,
    dataset: tinyPoints(60),
    // Means of the second coordinate grow with the first.
    distribution: overPlane(30, 300, exact),
  },
  {
    name: 'vae, gaussian, learned deviations',
    family: 'vae',
    options: { latent: 1, hidden: [8] },
    dataset: tinyPoints(60),
    strength: 2,
    zero: head,
    distribution: overPlane(14, 90, overCode),
  },
  {
    name: 'vae, gaussian, one deviation',
    family: 'vae',
    options: { latent: 1, hidden: [8], outputStd: 0.8 },
    dataset: tinyPoints(60),
    strength: 2,
    zero: head,
    distribution: overPlane(14, 90, overCode),
  },
  {
    name: 'vae, bernoulli',
    family: 'vae',
    options: { latent: 1, hidden: [8] },
    dataset: bits.dataset,
    strength: 3,
    zero: head,
    distribution: enumerated(overCode),
  },
  { name: 'made', family: 'made', options: { hidden: [12] }, ...bits },
  {
    name: 'made, random orders',
    family: 'made',
    options: { hidden: [12], masks: 3, order: 'random' },
    ...bits,
  },
  { name: 'nade', family: 'nade', options: { hidden: 8 }, ...bits },
  { name: 'pixelcnn', family: 'pixelcnn', options: { layers: 2, filters: 4, headFilters: 6 }, ...bits },
  {
    name: 'pixelcnn, levels, by class',
    family: 'pixelcnn',
    options: {
      layers: 2,
      filters: 4,
      headFilters: 6,
      output: 'categorical',
      levels: 3,
      conditional: true,
    },
    dataset: levels,
    distribution: enumerated(exact),
  },
  {
    name: 'pixelrnn',
    family: 'pixelrnn',
    options: { layers: 1, filters: 4, units: 4, headFilters: 6 },
    ...bits,
  },
  {
    name: 'pixelrnn, logistic, colour',
    family: 'pixelrnn',
    options: {
      layers: 1,
      filters: 4,
      units: 4,
      headFilters: 6,
      output: 'logistic',
      levels: 3,
      components: 2,
    },
    dataset: tinyImages(24, [1, 2, 3]),
    distribution: enumerated(exact),
  },
  {
    name: 'wavenet',
    family: 'wavenet',
    options: { layers: 2, stacks: 1, filters: 4, skipFilters: 6, levels: 4 },
    dataset: tinySounds(24, 5),
    distribution: enumerated(exact),
  },
  {
    name: 'realnvp, images of four levels',
    family: 'realnvp',
    options: { scales: 1, perMask: 1, network: 'conv', filters: 4, blocks: 1, levels: 4 },
    dataset: tinyImages(24, [1, 2, 1]),
    distribution: (sampler) => enumerated(overDequantisation)(sampler, [0, 1 / 3, 2 / 3, 1]),
    rounded: (value) => Math.round(3 * value) / 3,
  },
  {
    name: 'nice, images of four levels',
    family: 'nice',
    options: { couplings: 3, hidden: [8], levels: 4 },
    dataset: tinyImages(24, [1, 2, 1]),
    distribution: (sampler) => enumerated(overDequantisation)(sampler, [0, 1 / 3, 2 / 3, 1]),
    rounded: (value) => Math.round(3 * value) / 3,
  },
];

it('has a case for every family with an explicit density', () => {
  const explicit = families.filter(({ taxonomy }) => taxonomy[0] === 'explicit density');
  const covered = new Set(cases.map(({ family }) => family));
  expect(explicit.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

describe('samples follow the distribution that is scored', () => {
  it.each(cases)('$name', async ({ family, options, dataset, strength, zero, distribution, rounded }) => {
    const { model, state: stirred } = await stirredModel(family, options, dataset, strength);
    const state = zero === undefined ? stirred : withZeros(stirred, zero);
    const sampler = await exportedSampler(model, state, dataset);
    try {
      const classes = Object.values(model.programs.sample!.signature.inputs).some(
        ({ role }) => role === 'label',
      );
      const { data } = await sampler.sample({
        count: drawn,
        seed: 9,
        batchSize: 1000,
        draw: 'sample',
        ...(classes ? { label: 1 } : {}),
      });
      const samples = rounded === undefined ? data.data : data.data.map(rounded);
      const { points, probabilities } = await distribution(
        sampler,
        [...new Set(samples)].sort((a, b) => a - b),
      );
      const total = probabilities.reduce((sum, probability) => sum + probability, 0);
      // What is not there lies beyond the grid, or, of dequantised images, outside the range.
      const missing = rounded === undefined ? 1e-3 : 0.1;
      expect(total).toBeLessThan(1 + 1e-3);
      expect(total).toBeGreaterThan(1 - missing);
      expectSameMoments(
        samples,
        points,
        probabilities,
        dataset.spec.shape.reduce((a, b) => a * b, 1),
      );
    } finally {
      await sampler.release();
    }
  });
});

function withZeros(state: HostState, start: string): HostState {
  const entries = Object.entries(state).map(([name, { shape, data }]) => [
    name,
    hostTensor('float32', shape, data.map((value) => (name.startsWith(start) ? 0 : value)) as Float32Array),
  ]);
  return Object.fromEntries(entries) as HostState;
}

/** Means and second moments of samples, each within five standard errors of those of the distribution. */
function expectSameMoments(
  samples: ArrayLike<number>,
  points: Float32Array,
  probabilities: Float64Array,
  dimensions: number,
): void {
  const lost = Math.abs(1 - probabilities.reduce((sum, probability) => sum + probability, 0));
  for (let i = 0; i < dimensions; i++) {
    for (let j = i; j <= dimensions; j++) {
      // j past the end stands for the mean.
      const moment = (values: ArrayLike<number>, row: number) =>
        values[row * dimensions + i]! * (j === dimensions ? 1 : values[row * dimensions + j]!);
      let [mean, square, largest] = [0, 0, 0];
      for (const [row, probability] of probabilities.entries()) {
        const value = moment(points, row);
        mean += probability * value;
        square += probability * value * value;
        largest = probability > 1e-6 ? Math.max(largest, Math.abs(value)) : largest;
      }
      let observed = 0;
      for (let row = 0; row < drawn; row++) observed += moment(samples, row) / drawn;
      const standardError = Math.sqrt(Math.max(0, square - mean * mean) / drawn);
      const what = j === dimensions ? `mean of ${i}` : `moment of ${i} and ${j}`;
      expect(Math.abs(observed - mean), what).toBeLessThan(5 * standardError + (lost + 1e-3) * largest);
    }
  }
}
