import { tf } from '@generatrix/export';
import { hostTensor, type Sampler } from '@generatrix/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Dataset, loadDataset } from '../../data/index.ts';
import { exportedSampler } from '../../testing/sampler-test-support.ts';
import { firstExamples } from '../../testing/tiny-data.ts';
import { meanOf, modelOf, moonsLogDensity, standardError, trained } from '../flow/flow-test-support.ts';

/** Rows of points, two values each. */
type Points = ArrayLike<number>;

const count = 600;
const distance = (a: Points, i: number, b: Points, j: number) =>
  Math.hypot(a[2 * i]! - b[2 * j]!, a[2 * i + 1]! - b[2 * j + 1]!);
/** Mean distance between the points of two sets, those of a point to itself left out. */
function meanDistance(a: Points, b: Points): number {
  let sum = 0;
  for (let i = 0; i < count; i++) for (let j = 0; j < count; j++) sum += distance(a, i, b, j);
  return sum / (a === b ? count * (count - 1) : count ** 2);
}
/** Energy distance (Szekely and Rizzo 2013, eq. 5), an unbiased estimate of its square. */
const energy = (a: Points, b: Points) => 2 * meanDistance(a, b) - meanDistance(a, a) - meanDistance(b, b);

describe('trained on moons for seconds', () => {
  let dataset: Dataset;
  let sampler: Sampler;
  let heldOut: Points;
  beforeAll(async () => {
    await tf.setBackend('cpu');
    dataset = await loadDataset({ name: 'moons', split: 'train', size: 4000 });
    const options = { width: 48, layers: 2, embedding: 32, sampleSteps: 4 };
    const model = modelOf('shortcut', options, dataset);
    const trainer = await trained(model, dataset, { steps: 1600, batchSize: 256, learningRate: 4e-3 });
    sampler = await exportedSampler(model, await trainer.getState(), dataset);
    await trainer.release();
    heldOut = (await firstExamples(await loadDataset({ name: 'moons', split: 'test', size: count }), count))
      .data;
  }, 120_000);
  afterAll(() => sampler?.release());

  it('one step, or four, give its samples', async () => {
    // What one step of a flow gives that is followed as it was trained: the mean, whatever the noise.
    const mean = [0, 1].map(
      (k) => Array.from({ length: count }, (_, i) => heldOut[2 * i + k]!).reduce((a, b) => a + b) / count,
    );
    const collapsed = Float32Array.from({ length: 2 * count }, (_, i) => mean[i % 2]!);
    expect(energy(collapsed, heldOut)).toBeGreaterThan(0.5);
    /** As likely as all but the least likely hundredth of real points, by the true density. */
    const least = moonsLogDensity(heldOut).sort()[Math.floor(count / 100)]!;
    const likely = (points: Points) =>
      moonsLogDensity(points).filter((value) => value >= least).length / count;
    // The mean lies between the moons. After seconds of training two of three samples of one step lie on them.
    expect(likely(collapsed)).toBe(0);
    for (const steps of [1, 4]) {
      const { data } = await sampler.sample({ count, seed: 3, steps });
      expect(energy(data.data as Float32Array, heldOut), `${steps} steps`).toBeLessThan(0.01);
      expect(likely(data.data as Float32Array), `${steps} steps`).toBeGreaterThan(0.6);
    }
  });

  it('keeps the flow: its log-density is no better than the true one, as no density can be, and near it', async () => {
    const data = hostTensor('float32', [count, 2], heldOut as Float32Array);
    const { values } = await sampler.logProb({ data });
    const truth = moonsLogDensity(heldOut);
    const differences = Array.from(values, (value, i) => truth[i]! - value);
    expect(meanOf(differences)).toBeGreaterThan(-4 * standardError(differences));
    expect(meanOf(differences)).toBeLessThan(0.3);
  });
});
