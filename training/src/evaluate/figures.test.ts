import { describe, expect, test } from 'vitest';
import { pointDistributions } from '../data/index.ts';
import { points } from '../data/points.ts';
import { saturatedBy, seriesStatistics } from './convergence/series.ts';
import { densityDivergence, histogramDivergence } from './divergence/plane-divergence.ts';
import { classifierScore } from './frechet/classifier-score.ts';
import { frechetDistance, momentsOf } from './frechet/frechet.ts';
import { pathSteps, smoothness, sphericalPath } from './interpolation/latent-path.ts';
import { modeCoverage } from './modes/mode-coverage.ts';
import { binomialLowerTail, fisherTail, normalTail, quantile, wilsonInterval } from './statistics.ts';
import { normalRows, rowsFrom } from './test-support.ts';

describe('statistics', () => {
  test('Wilson interval of 0 and 50 of 100, as in published tables', () => {
    const [low, high] = wilsonInterval(0.5, 100);
    expect(low).toBeCloseTo(0.4038, 4);
    expect(high).toBeCloseTo(0.5962, 4);
    expect(wilsonInterval(0, 100)[1]).toBeCloseTo(0.037, 4);
  });

  test('normal tail at its tabulated quantiles', () => {
    expect(normalTail(1.6448536)).toBeCloseTo(0.05, 6);
    expect(normalTail(-1.959964)).toBeCloseTo(0.975, 6);
    expect(normalTail(0)).toBeCloseTo(0.5, 6);
  });

  test("tails of Fisher's exact test and of the binomial distribution, as SciPy has them", () => {
    expect(fisherTail(7, 100, 1, 100)).toBeCloseTo(0.03242970105213253, 12);
    expect(fisherTail(40, 2000, 0, 2000) / 7.469072998268716e-13).toBeCloseTo(1, 6);
    expect(fisherTail(0, 10, 3, 10)).toBe(1);
    expect(binomialLowerTail(3, 100, 0.1)).toBeCloseTo(0.00783648712118442, 12);
    expect([binomialLowerTail(0, 5, 0), binomialLowerTail(4, 5, 1), binomialLowerTail(5, 5, 1)]).toEqual([
      1, 0, 1,
    ]);
  });

  test('quantiles interpolate', () => {
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 1)).toBe(4);
  });
});

describe('frechetDistance', () => {
  test('of two one-dimensional normals is (m1 - m2)^2 + (s1 - s2)^2', () => {
    // Moments (with n - 1) of -a, a are 0 and 2 a^2.
    const first = momentsOf(rowsFrom([[-1], [1]]));
    const second = momentsOf(rowsFrom([[2], [8]]));
    const [s1, s2] = [Math.sqrt(2), Math.sqrt(18)];
    expect(frechetDistance(first, second)).toBeCloseTo(25 + (s1 - s2) ** 2, 10);
  });

  test('of covariances that commute is the sum over axes, singular or not', () => {
    const moments = (...variances: number[]) => {
      const { covariance } = momentsOf(rowsFrom([variances.map(() => 0), variances.map(() => 0)]));
      for (const [i, variance] of variances.entries()) covariance.set(i, i, variance);
      return { mean: new Float64Array(variances.length), covariance };
    };
    expect(frechetDistance(moments(4, 9, 0), moments(1, 16, 0))).toBeCloseTo(1 + 1, 10);
    expect(frechetDistance(moments(4, 9, 0), moments(4, 9, 0))).toBeCloseTo(0, 10);
  });

  test('of covariances that do not commute: the closed form of 2 x 2 matrices', () => {
    const [a, b] = [
      momentsOf(normalRows(50, 2, { stream: 'a' })),
      momentsOf(normalRows(50, 2, { stream: 'b', scale: 2 })),
    ];
    // tr (A B)^(1/2) = sqrt(tr AB + 2 sqrt(det AB)) for 2 x 2 matrices.
    const product = a.covariance.mmul(b.covariance);
    const determinant = product.get(0, 0) * product.get(1, 1) - product.get(0, 1) * product.get(1, 0);
    const root = Math.sqrt(product.trace() + 2 * Math.sqrt(determinant));
    const shift = a.mean.reduce((sum, value, i) => sum + (value - b.mean[i]!) ** 2, 0);
    const expected = shift + a.covariance.trace() + b.covariance.trace() - 2 * root;
    expect(frechetDistance(a, b)).toBeCloseTo(expected, 9);
    expect(frechetDistance(b, a)).toBeCloseTo(expected, 9);
  });
});

describe('classifierScore', () => {
  test('is the number of classes for certain and balanced ones, 1 for samples of one class', () => {
    const certain = rowsFrom(
      Array.from({ length: 40 }, (_, i) => [0, 1, 2, 3].map((k) => (k === i % 4 ? 1 : 0))),
    );
    expect(classifierScore(certain).score).toBeCloseTo(4, 6);
    expect(classifierScore(rowsFrom(new Array<number[]>(40).fill([1, 0, 0, 0]))).score).toBeCloseTo(1, 6);
    expect(
      classifierScore(rowsFrom(new Array<number[]>(40).fill([0.25, 0.25, 0.25, 0.25]))).score,
    ).toBeCloseTo(1, 6);
  });
});

describe('modeCoverage', () => {
  const [ring8, grid25] = [pointDistributions.ring8.modes!, pointDistributions.grid25.modes!];

  test('the distribution itself hits all modes, with 1 - exp(-4.5) of high quality', async () => {
    for (const name of ['ring8', 'grid25'] as const) {
      const drawn = points(name, { split: 'train', size: 2500 });
      const found = modeCoverage(
        (await drawn.gather(Array.from({ length: 2500 }, (_, i) => i))).data,
        pointDistributions[name].modes!,
      );
      const modes = pointDistributions[name].modes!.centres.length;
      expect(found).toMatchObject({ modes, hit: modes, covered: modes, missed: [] });
      // Standard deviation of the share: sqrt(0.011 * 0.989 / 2500) = 0.0021.
      expect(Math.abs(found.highQuality - (1 - Math.exp(-4.5)))).toBeLessThan(0.009);
      expect(found.divergence).toBeLessThan(0.02);
    }
  });

  test('collapse is counted: three modes, one of them by a single sample, one sample far off', () => {
    const [a, b, c] = ring8.centres as [[number, number], [number, number], [number, number]];
    const samples = [
      ...new Array<readonly number[]>(60).fill(a),
      ...new Array<readonly number[]>(38).fill(b),
      c,
      [a[0] + 0.031, a[1]],
    ];
    const found = modeCoverage(samples.flat(), ring8);
    expect(found).toMatchObject({ hit: 3, covered: 2, missed: [3, 4, 5, 6, 7], highQuality: 0.99 });
    expect(found.counts).toEqual([61, 38, 1, 0, 0, 0, 0, 0]);
    const shares = [0.61, 0.38, 0.01];
    expect(found.divergence).toBeCloseTo(
      shares.reduce((sum, p) => sum + p * Math.log(8 * p), 0),
      10,
    );
  });

  test('a sample that is not finite belongs to no mode', () => {
    const found = modeCoverage([Number.NaN, 0, ...ring8.centres[2]!], ring8);
    expect(found).toMatchObject({ hit: 1, highQuality: 0.5, counts: [0, 0, 1, 0, 0, 0, 0, 0] });
  });

  test('one mode has divergence log of their number', () => {
    const samples = new Array<readonly number[]>(10).fill(grid25.centres[12]!).flat();
    expect(modeCoverage(samples, grid25).divergence).toBeCloseTo(Math.log(25), 10);
  });
});

describe('divergences', () => {
  test('histograms: 0 for the same points, log 2 for disjoint ones', () => {
    const here = normalRows(500, 2, { stream: 'here' }).values;
    const far = normalRows(500, 2, { stream: 'far', shift: 30 }).values;
    expect(histogramDivergence(here, here).js).toBeCloseTo(0, 12);
    expect(histogramDivergence(here, far).js).toBeCloseTo(Math.LN2, 10);
    expect(histogramDivergence(here, far).kl).toBeGreaterThan(2);
  });

  test('densities: KL of two normals in the plane is half the squared distance of their means', () => {
    const logDensity = (shift: number) => (values: Float32Array) =>
      Float64Array.from({ length: values.length / 2 }, (_, i) => {
        const [x, y] = [values[2 * i]! - shift, values[2 * i + 1]! - shift];
        return -Math.log(2 * Math.PI) - (x * x + y * y) / 2;
      });
    const [p, q] = [logDensity(0), logDensity(0.5)];
    const [data, samples] = [
      normalRows(20_000, 2, { stream: 'p' }).values,
      normalRows(20_000, 2, { stream: 'q', shift: 0.5 }).values,
    ];
    const found = densityDivergence(
      { data: p(data), model: q(data) },
      { data: p(samples), model: q(samples) },
    );
    // Five standard errors of 0.0050.
    expect(Math.abs(found.forward - 0.25)).toBeLessThan(0.025);
    expect(Math.abs(found.reverse - 0.25)).toBeLessThan(0.025);
    expect(found.js).toBeGreaterThan(0.05);
    expect(found.js).toBeLessThan(0.07);
    expect(found.outside).toBe(0);
  });

  test('a sample where the data has no density makes the reverse KL infinite and keeps JS at most log 2', () => {
    const none = Number.NEGATIVE_INFINITY;
    const found = densityDivergence(
      { data: [0, 0], model: [none, none] },
      { data: [none, none], model: [0, 0] },
    );
    expect(found).toMatchObject({ reverse: Number.POSITIVE_INFINITY, outside: 1 });
    expect(found.js).toBeCloseTo(Math.LN2, 12);
  });
});

describe('latent paths', () => {
  test('great circles keep the length of codes of one length', () => {
    const path = sphericalPath(Float32Array.from([3, 0]), Float32Array.from([0, 3]), 5);
    for (let frame = 0; frame < 5; frame++) {
      expect(Math.hypot(path[2 * frame]!, path[2 * frame + 1]!)).toBeCloseTo(3, 5);
      expect(Math.atan2(path[2 * frame + 1]!, path[2 * frame]!)).toBeCloseTo((frame / 4) * (Math.PI / 2), 5);
    }
  });

  test('an even path has unevenness 1, a jump the number of steps, a way there and back a long detour', () => {
    const even = rowsFrom([[0], [1], [2], [3], [4]]);
    expect(smoothness(pathSteps(even, 0, 5))).toEqual({ unevenness: 1, detour: 1 });
    expect(smoothness(pathSteps(rowsFrom([[0], [0], [7], [7], [7]]), 0, 5))).toEqual({
      unevenness: 4,
      detour: 1,
    });
    expect(smoothness(pathSteps(rowsFrom([[0], [3], [1]]), 0, 3)).detour).toBe(5);
  });
});

describe('series', () => {
  const steps = Array.from({ length: 200 }, (_, i) => i);

  test('a straight line has its trend and no oscillation', () => {
    const found = seriesStatistics(
      steps,
      steps.map((step) => 1000 + step),
    );
    // From 1100 to 1199 about a mean of 1149.5.
    expect(found.trend).toBeCloseTo(99 / 1149.5, 8);
    expect(found.oscillation).toBeCloseTo(0, 8);
    expect(found.reversals).toBe(0);
  });

  test('a wave has its deviation and reversals', () => {
    const found = seriesStatistics(
      steps,
      steps.map((step) => 2 + (step % 2 === 0 ? 1 : -1)),
    );
    expect(found.oscillation).toBeCloseTo(0.5, 1);
    expect(found.reversals).toBe(1);
    expect(found.rollingMean.at(-1)).toBeCloseTo(2, 1);
  });

  test('a discriminator that no longer errs is told from one that does and from other metrics', () => {
    const at = (value: number) =>
      seriesStatistics(
        steps,
        steps.map(() => value),
      );
    expect(saturatedBy('saturation', at(0.97))).toContain('97 %');
    expect(saturatedBy('saturation', at(0.5))).toBeNull();
    expect(saturatedBy('discriminatorLoss', at(0.001))).toContain('1.0e-3');
    expect(saturatedBy('discriminatorLoss', at(0.6))).toBeNull();
    expect(saturatedBy('discriminatorLoss', at(-3))).toBeNull();
    expect(saturatedBy('discriminatorAccuracy', at(0.999))).toContain('0.999');
    expect(saturatedBy('generatorLoss', at(0.001))).toBeNull();
  });
});
