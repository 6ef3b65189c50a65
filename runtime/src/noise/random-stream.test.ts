import { describe, expect, test } from 'vitest';
import { erf, kolmogorovDistance } from '../testing/statistics.ts';
import { permutation, randomStream } from './random-stream.ts';

const n = 2 ** 16;
const draw = (next: () => number) => Array.from({ length: n }, next);

describe('randomStream', () => {
  test('is a function of seed and name', () => {
    const first = (seed: number | bigint, name: string) => {
      const random = randomStream(seed, name);
      return [random.nextUniform(), random.nextNormal(), random.nextInt(1000), random.nextUniform()];
    };
    expect(first(7, 'a')).toEqual(first(7n, 'a'));
    const all = [first(7, 'a'), first(8, 'a'), first(7, 'b')].map((values) => values[0]);
    expect(new Set(all).size).toBe(3);
    expect(() => randomStream(-1, 'a')).toThrow('seed');
  });

  // Kolmogorov-Smirnov bound 1.95 / sqrt(n): a true sample passes with probability 0.999.
  test('uniform numbers are uniform, with more than 24 bits', () => {
    const random = randomStream(1, 'uniform');
    const values = draw(() => random.nextUniform());
    expect(values.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(kolmogorovDistance(values, (x) => x)).toBeLessThan(1.95 / Math.sqrt(n));
    expect(values.some((x) => Math.fround(x) !== x)).toBe(true);
  });

  test('normal numbers are normal, also when drawn in turn with others', () => {
    const random = randomStream(1, 'normal');
    const values = draw(() => {
      random.nextUniform();
      return random.nextNormal();
    });
    const distance = kolmogorovDistance(values, (x) => 0.5 + 0.5 * erf(x / Math.SQRT2));
    expect(distance).toBeLessThan(1.95 / Math.sqrt(n));
  });

  test.each([1, 2, 3, 10, 1000])('whole numbers below %i are equally frequent', (below) => {
    const random = randomStream(1, 'int');
    const counts = new Float64Array(below);
    for (const value of draw(() => random.nextInt(below))) counts[value]! += 1;
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(n);
    const expected = n / below;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // Mean below - 1, variance 2 (below - 1): five standard deviations.
    expect(chiSquare).toBeLessThanOrEqual(below - 1 + 5 * Math.sqrt(2 * (below - 1)));
  });

  test('no bias with a bound that does not divide 2^32', () => {
    // Remainders alone would give the numbers below 2^30 twice the share of the others.
    const below = 3 * 2 ** 30;
    const random = randomStream(1, 'wide');
    const low = draw(() => random.nextInt(below)).filter((value) => value < 2 ** 30).length / n;
    // Standard error of a share of 1/3; with the bias it would be 1/2.
    expect(Math.abs(low - 1 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / n));
  });

  test.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('bound %d is refused', (below) => {
    expect(() => randomStream(1, 'int').nextInt(below)).toThrow('nextInt: expected a bound');
  });
});

describe('permutation', () => {
  test('holds every index once, and depends on seed and name', () => {
    const order = permutation(3, 'shuffle/0', 1000);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(permutation(3, 'shuffle/0', 1000)).toEqual(order);
    expect(permutation(3, 'shuffle/1', 1000)).not.toEqual(order);
    expect(permutation(4, 'shuffle/0', 1000)).not.toEqual(order);
    expect(permutation(3, 'x', 0)).toHaveLength(0);
    expect(() => permutation(3, 'x', -1)).toThrow('permutation: expected a length');
  });

  test('all 24 orders of four are equally frequent', () => {
    const counts = new Map<string, number>();
    const trials = 24_000;
    for (let i = 0; i < trials; i++) {
      const order = String(permutation(i, 'orders', 4));
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 23 degrees of freedom: five standard deviations above the mean.
    expect(chiSquare).toBeLessThan(23 + 5 * Math.sqrt(46));
  });
});
