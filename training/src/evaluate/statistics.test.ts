import { expect, it } from 'vitest';
import {
  divergence,
  entropy,
  mean,
  median,
  quantile,
  standardDeviation,
  wilsonInterval,
} from './statistics.ts';

it('the standard deviation divides by n - 1: that of 2, 4, 4, 4, 5, 5, 7, 9 is the root of 32 / 7', () => {
  const values = [2, 4, 4, 4, 5, 5, 7, 9];
  expect(mean(values)).toBe(5);
  expect(standardDeviation(values)).toBeCloseTo(Math.sqrt(32 / 7), 12);
  expect(standardDeviation([3])).toBe(0);
});

it('quantiles lie between the ordered values, as numpy.quantile has them', () => {
  expect([0, 0.25, 0.5, 0.75, 1].map((share) => quantile([7, 1, 3, 10], share))).toEqual([
    1, 2.5, 5, 7.75, 10,
  ]);
  expect(median([9, 1, 4])).toBe(4);
});

it("Wilson's interval of 10 in 50 is that of the formula, 0.1124 to 0.3304", () => {
  const [low, high] = wilsonInterval(0.2, 50);
  expect(low).toBeCloseTo(0.11244, 4);
  expect(high).toBeCloseTo(0.33037, 4);
});

it('entropy and divergence are in nats', () => {
  expect(entropy([0.5, 0.25, 0.25])).toBeCloseTo(1.5 * Math.LN2, 12);
  expect(divergence([0.5, 0.5], [0.25, 0.75])).toBeCloseTo(0.5 * Math.log(2) + 0.5 * Math.log(2 / 3), 12);
  expect(divergence([0.5, 0.5], [1, 0])).toBe(Number.POSITIVE_INFINITY);
});
