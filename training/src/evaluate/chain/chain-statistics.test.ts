import { randomStream } from '@generatrix/runtime/core';
import { describe, expect, it } from 'vitest';
import { chainStatistics } from './chain-statistics.ts';

/** x_t = rho x_t-1 + sqrt(1 - rho^2) n_t, of variance 1, from its stationary distribution. */
function autoregressive(rho: number, length: number, stream: string): Float64Array {
  const random = randomStream(3, stream);
  let x = random.nextNormal();
  return Float64Array.from({ length }, () => {
    const now = x;
    x = rho * x + Math.sqrt(1 - rho * rho) * random.nextNormal();
    return now;
  });
}

const chainsOf = (rho: number, count: number, length: number) =>
  Array.from({ length: count }, (_, chain) => autoregressive(rho, length, `${rho}/${chain}`));

describe('statistics of chains', () => {
  it.each([0, 0.5, 0.9, -0.4])('of an autoregression with rho %s have tau (1 + rho) / (1 - rho)', (rho) => {
    const found = chainStatistics(chainsOf(rho, 16, 8000));
    const exact = (1 + rho) / (1 - rho);
    // The deviation of tau / exact is about sqrt(2 (2 window + 1) / (M n)) (Sokal 1997, eq. 3.19): with windows of some
    // 10 tau below 4 % here.
    expect(Math.abs(found.autocorrelationTime / exact - 1)).toBeLessThan(0.12);
    expect(found.effectiveSize * found.autocorrelationTime).toBeCloseTo(16 * 8000, 3);
    expect(found.splitRHat).toBeGreaterThan(0.999);
    expect(found.splitRHat).toBeLessThan(1.01);
    expect(Math.abs(found.mean)).toBeLessThan(4 * Math.sqrt(exact / (16 * 8000)));
    expect(Math.abs(found.deviation - 1)).toBeLessThan(0.05);
  });

  it('are by hand those of two short chains', () => {
    const found = chainStatistics([
      [1, 2, 3, 4, 2, 1, 0, 1],
      [5, 4, 5, 6, 6, 5, 7, 6],
    ]);
    // Halves of 4: means 2.5, 1, 5, 6; variances 5/3, 2/3, 2/3, 2/3; of means 5.229166...
    const within = (5 / 3 + 3 * (2 / 3)) / 4;
    const between = [2.5, 1, 5, 6].reduce((sum, m) => sum + (m - 3.625) ** 2, 0) / 3;
    expect(found.mean).toBeCloseTo(3.625, 12);
    expect(found.splitRHat).toBeCloseTo(Math.sqrt(0.75 + between / within), 12);
    expect(found.deviation).toBeCloseTo(Math.sqrt(0.75 * within + between), 12);
  });

  it('tell chains that stay apart, or drift, by an R-hat above 1', () => {
    const apart = chainsOf(0.5, 4, 1000).map((chain, m) => chain.map((x) => x + 2 * m));
    expect(chainStatistics(apart).splitRHat).toBeGreaterThan(1.5);
    expect(chainStatistics(apart).effectiveSize).toBeLessThan(20);
    // Means of whole chains agree, those of their halves do not.
    const drifting = chainsOf(0.5, 4, 1000).map((chain) => chain.map((x, t) => x + t / 200));
    expect(chainStatistics(drifting).splitRHat).toBeGreaterThan(1.2);
  });

  it('of chains that do not move are infinite, or none', () => {
    const still = [1, 2, 3].map((value) => new Float64Array(20).fill(value));
    expect(chainStatistics(still).splitRHat).toBe(Number.POSITIVE_INFINITY);
    expect(chainStatistics(still.map(() => new Float64Array(20))).splitRHat).toBeNaN();
    expect(() => chainStatistics([[1, 2, 3]])).toThrow(/8 at least/);
    expect(() => chainStatistics([])).toThrow(/one length/);
  });
});
