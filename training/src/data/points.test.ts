import { describe, expect, test } from 'vitest';
import { everyIndex } from '../testing/test-support.ts';
import type { Split } from './dataset.ts';
import {
  type PointDistribution,
  type PointDistributionName,
  pointDistributions,
} from './point-distributions.ts';
import { points } from './points.ts';

/** Box and step of a midpoint grid fine enough that Gaussians of the distribution's std are summed to 1e-6. */
const grids = {
  ring8: { half: 1.1, cells: 880 },
  grid25: { half: 4.4, cells: 704 },
  checkerboard: { half: 4, cells: 200 },
} as const;

interface Moments {
  mass: number;
  /** E[x], E[y], E[x^2], E[xy], E[y^2], E[log p] */
  readonly means: number[];
}

const features = (x: number, y: number, logDensity: number): number[] => [
  x,
  y,
  x * x,
  x * y,
  y * y,
  logDensity,
];

function integrate(
  distribution: PointDistribution,
  { half, cells }: { half: number; cells: number },
): Moments {
  const step = (2 * half) / cells;
  const moments: Moments = { mass: 0, means: [0, 0, 0, 0, 0, 0] };
  const row = new Float64Array(2 * cells);
  for (let j = 0; j < cells; j++) {
    for (let i = 0; i < cells; i++) {
      row[2 * i] = -half + (i + 0.5) * step;
      row[2 * i + 1] = -half + (j + 0.5) * step;
    }
    distribution.logDensity!(row).forEach((logDensity, i) => {
      if (logDensity === -Infinity) return;
      const mass = Math.exp(logDensity) * step * step;
      moments.mass += mass;
      features(row[2 * i]!, row[2 * i + 1]!, logDensity).forEach((value, k) => {
        moments.means[k]! += mass * value;
      });
    });
  }
  return moments;
}

describe.each(Object.keys(grids) as (keyof typeof grids)[])('%s', (name) => {
  const distribution: PointDistribution = pointDistributions[name];
  const { mass, means } = integrate(distribution, grids[name]);

  test('the density integrates to 1', async () => {
    expect(Math.abs(mass - 1)).toBeLessThan(1e-6);
  });

  test('samples have the moments and the entropy of the density', async () => {
    const data = points(name, { split: 'train', seed: 5 });
    const values = (await data.gather(everyIndex(data))).data;
    const logDensity = distribution.logDensity!(values);
    const rows = Array.from(everyIndex(data), (n) =>
      features(values[2 * n]!, values[2 * n + 1]!, logDensity[n]!),
    );
    means.forEach((expected, k) => {
      const mean = rows.reduce((sum, row) => sum + row[k]!, 0) / data.size;
      const variance = rows.reduce((sum, row) => sum + (row[k]! - mean) ** 2, 0) / data.size;
      // Five standard errors; 1e-6 covers the grid's own error where the feature does not vary.
      expect(Math.abs(mean - expected)).toBeLessThan(5 * Math.sqrt(variance / data.size) + 1e-6);
    });
  });

  test('every class is equally likely and lies where its name says', async () => {
    const data = points(name, { split: 'train', seed: 6 });
    const values = (await data.gather(everyIndex(data))).data;
    const counts = new Array<number>(data.classNames.length).fill(0);
    data.labels!.forEach((label, n) => {
      counts[label]!++;
      const centre = distribution.modes?.centres[label];
      // Nine standard deviations: chance 3e-18 per point.
      if (centre)
        expect(Math.hypot(values[2 * n]! - centre[0], values[2 * n + 1]! - centre[1])).toBeLessThan(
          9 * distribution.modes!.std,
        );
    });
    const expected = data.size / counts.length;
    const chiSquared = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // The 0.999 quantiles with 7 and 24 degrees of freedom.
    expect(chiSquared).toBeLessThan(counts.length === 8 ? 24.32 : 51.18);
  });
});

test('the mixtures have the closed-form entropy of well-separated Gaussians', async () => {
  for (const name of ['ring8', 'grid25'] as const) {
    const { centres, std } = pointDistributions[name].modes!;
    const expected = Math.log(centres.length) + Math.log(2 * Math.PI * Math.E * std * std);
    expect(Math.abs(-integrate(pointDistributions[name], grids[name]).means[5]! - expected)).toBeLessThan(
      1e-5,
    );
  }
});

test('moons: means, and the noise about each half circle', async () => {
  const data = points('moons', { split: 'train', seed: 1 });
  const values = (await data.gather(everyIndex(data))).data;
  let [x, y, radius, spread] = [0, 0, 0, 0];
  for (let n = 0; n < data.size; n++) {
    x += values[2 * n]! / data.size;
    y += values[2 * n + 1]! / data.size;
    const lower = data.labels![n]!;
    const r = Math.hypot(values[2 * n]! - lower, values[2 * n + 1]! - 0.5 * lower);
    radius += r / data.size;
    spread += (r - 1) ** 2 / data.size;
  }
  // Five standard errors of coordinates whose standard deviations are 0.87 and 0.50.
  expect(Math.abs(x - 0.5)).toBeLessThan(0.031);
  expect(Math.abs(y - 0.25)).toBeLessThan(0.018);
  // E r = 1 + std^2 / 2 and E (r - 1)^2 = std^2 to second order; five standard errors.
  expect(Math.abs(radius - 1.0032)).toBeLessThan(0.003);
  expect(Math.abs(Math.sqrt(spread) - 0.08)).toBeLessThan(0.002);
});

test('spirals: mean squared radius, and each arm the other turned by half a turn', async () => {
  const data = points('spirals', { split: 'train', seed: 1 });
  const values = (await data.gather(everyIndex(data))).data;
  let squared = 0;
  const centre = [0, 0, 0, 0];
  for (let n = 0; n < data.size; n++) {
    squared += (values[2 * n]! ** 2 + values[2 * n + 1]! ** 2) / data.size;
    for (const axis of [0, 1])
      centre[2 * data.labels![n]! + axis]! += values[2 * n + axis]! / (data.size / 2);
  }
  // r = pi sqrt(u): E r^2 = pi^2 / 2, standard deviation pi^2 / sqrt(12); noise adds 2 x 0.01. Five standard errors.
  expect(Math.abs(squared - (Math.PI ** 2 / 2 + 0.02))).toBeLessThan(0.101);
  // Five standard errors of the difference of two means whose points spread 1.6 along an axis.
  expect(Math.abs(centre[0]! + centre[2]!)).toBeLessThan(0.12);
  expect(Math.abs(centre[1]! + centre[3]!)).toBeLessThan(0.12);
});

test.each(Object.keys(pointDistributions) as PointDistributionName[])(
  '%s depends on seed and split, not on size',
  async (name) => {
    const first = async (split: Split, seed: number, size: number): Promise<string> =>
      (await points(name, { split, seed, size }).gather([0, 1, 2])).data.join();
    expect(await first('train', 1, 3)).toBe(await first('train', 1, 100));
    expect(await first('train', 1, 3)).not.toBe(await first('train', 2, 3));
    for (const split of ['validation', 'test'] as const) {
      expect(await first('train', 1, 3)).not.toBe(await first(split, 1, 3));
    }
  },
);
