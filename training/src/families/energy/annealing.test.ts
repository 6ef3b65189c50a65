import { tf } from '@generatrix/export';
import { hostTensor, type Sampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floatDataset } from '../../data/dataset.ts';
import { initialState } from '../../engine/initial-state.ts';
import { exportedSampler } from '../../testing/sampler-test-support.ts';
import { describeData } from '../../testing/tiny-data.ts';
import { buildModel, familyNamed } from '../registry.ts';
import { rbmNames } from './rbm/rbm-machine.ts';
import { ExactRbm } from './rbm/rbm-test-support.ts';

const [visible, hidden] = [8, 4];
const shape = [2, 4, 1] as const;

/** Images whose pixels have different means. */
const images = floatDataset(
  {
    ...{ name: 'bits', split: 'train', spec: { kind: 'image', shape, range: [0, 1] } },
    ...{ size: 20, labels: null, classNames: [] },
  },
  Float32Array.from({ length: 20 * visible }, (_, i) => ((i * i) % (2 + (i % visible)) === 0 ? 1 : 0)),
);

let sampler: Sampler;
let exact: ExactRbm;

beforeAll(async () => {
  await tf.setBackend('cpu');
  const options = { hidden, sampleSteps: 400, temperatures: 300 };
  const { model } = buildModel(familyNamed('rbm'), options, describeData(images), {}, 1);
  const start = await model.initialise!(initialState(model, 1), images, 1);
  const wave = (name: string, strength: number, turn: number) => {
    const { shape, data } = start[name]!;
    const values = Float32Array.from(data, (_, i) => strength * Math.sin(turn * i + 1));
    return { [name]: hostTensor('float32', shape, values) };
  };
  const state = {
    ...start,
    ...wave(rbmNames.weights, 2.5, 1.7),
    ...wave(rbmNames.visibleBias, 1, 2.3),
    ...wave(rbmNames.hiddenBias, 1, 3.1),
  };
  exact = new ExactRbm(state);
  sampler = await exportedSampler(model, state, images);
});
afterAll(() => sampler.release());

describe('the partition function of a machine of few units', () => {
  it('lies within three standard errors of the exact sum for 19 of 20 seeds, from both sides', async () => {
    for (const estimate of [
      (seed: number) => sampler.logPartition({ seed, chains: 60 }),
      (seed: number) => sampler.logPartitionBack({ seed, chains: 60 }),
    ]) {
      const found = await Promise.all(Array.from({ length: 20 }, (_, seed) => estimate(seed + 1)));
      const inside = found.filter(({ interval: [low, high] }) => low <= exact.logZ && exact.logZ <= high);
      expect(inside.length).toBeGreaterThanOrEqual(19);
      const errors = found.map(({ logZ, standardError }) => (logZ - exact.logZ) / standardError);
      // The errors are told rightly: their squares have a mean near 1, and none is a thousandth of what it should be.
      const square = errors.reduce((sum, e) => sum + e * e, 0) / errors.length;
      expect(square).toBeGreaterThan(0.3);
      expect(square).toBeLessThan(2.5);
      const mean = found.reduce((sum, { logZ }) => sum + logZ, 0) / found.length;
      expect(Math.abs(mean - exact.logZ)).toBeLessThan(0.05);
    }
  });

  it('is found with any number of temperatures, the nearer the more, and to the same bits in any number of runs', async () => {
    const few = await sampler.logPartition({ temperatures: 5, chains: 400 });
    const many = await sampler.logPartition({ temperatures: 2000, chains: 400 });
    expect(many.effectiveSampleSize).toBeGreaterThan(few.effectiveSampleSize);
    expect(many.standardError).toBeLessThan(few.standardError / 2);
    expect(Math.abs(many.logZ - exact.logZ)).toBeLessThan(3 * many.standardError);
    const parts = await sampler.logPartition({ temperatures: 120, chains: 7, batchSize: 3 });
    expect(parts).toEqual(await sampler.logPartition({ temperatures: 120, chains: 7 }));
    const { logZ, standardError } = await sampler.logPartition({ temperatures: 2, chains: 30_000, seed: 3 });
    // Two temperatures are plain importance sampling from independent units.
    expect(Math.abs(logZ - exact.logZ)).toBeLessThan(4 * standardError);
  });

  it('refuses what makes no sense in one line', async () => {
    await expect(sampler.logPartition({ chains: 1 })).rejects.toThrow(/^chains: expected 2 or more/);
    await expect(sampler.logPartition({ temperatures: 2.5 })).rejects.toThrow(
      /^program anneal: steps: expected a whole number, got 2.5$/,
    );
    await expect(sampler.logPartition({ temperatures: 1 })).rejects.toThrow(/steps/);
  });
});
