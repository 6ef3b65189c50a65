import { hostTensor } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import type { Family } from '../../model/family.ts';
import type { HostState } from '../../model/state.ts';
import { caseFiles, familyCases } from '../../testing/cases.ts';
import {
  type DensityCase,
  enumerated,
  exact,
  head,
  overCode,
  overDequantisation,
  overPlane,
} from '../../testing/density-case.ts';
import { exportedSampler, stirredModel } from '../../testing/sampler-test-support.ts';
import { describeData, labelled, tinyImages, tinyPoints, tinySounds } from '../../testing/tiny-data.ts';
import { buildModel, families, familyNamed } from '../registry.ts';

/** Samples of each model. */
const drawn = 20_000;

const plane = { dataset: tinyPoints(60), distribution: overPlane(14, 240, exact) };
const bits = { dataset: tinyImages(40, [2, 3, 1]), distribution: enumerated(exact) };
const levels = labelled(tinyImages(24, [2, 2, 1]), 3);

const cases: readonly DensityCase[] = [
  ...caseFiles.flatMap(({ densities = [] }) => densities),
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
    name: 'realnvp, points, splines',
    family: 'realnvp',
    options: { couplings: 4, hidden: [12], transform: 'spline', bins: 6 },
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
    name: 'transformer',
    family: 'transformer',
    options: { blocks: 1, width: 6, heads: 2, hidden: 8, firstKernel: 3 },
    ...bits,
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

/** Whether a family's programs score an example: what is known up to a constant has its own test of every state. */
const scores = ({ name }: Family) => {
  const { options, dataset } = familyCases.find(({ family }) => family === name)!;
  const { programs } = buildModel(familyNamed(name), options, describeData(dataset)).model;
  return 'logProb' in programs || 'logWeight' in programs;
};

it('has a case for every family with an explicit density', () => {
  const explicit = families.filter((family) => family.taxonomy[0] === 'explicit density' && scores(family));
  expect(explicit.length).toBeGreaterThan(8);
  // A VQ-VAE scores the bound of one code, no density; its samples are held to its prior in test/reference.
  // A shortcut model scores its flow of small steps, and draws by large ones; shortcut.test.ts holds each to the data.
  const covered = new Set([...cases.map(({ family }) => family), 'vqvae', 'shortcut']);
  expect(explicit.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
});

describe('samples follow the distribution that is scored', () => {
  it.each(cases)('$name', async ({ family, options, dataset, strength, zero, distribution, rounded }) => {
    const { model, state: stirred } = await stirredModel(family, options, dataset, strength);
    const state = zero === undefined ? stirred : withZeros(stirred, zero);
    const sampler = await exportedSampler(model, state, dataset);
    try {
      const { sample, advance } = model.programs;
      const classes = Object.values((sample ?? advance)!.signature.inputs).some(
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
