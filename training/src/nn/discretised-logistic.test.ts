import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { discretisedLogisticDraw, discretisedLogisticLogProb } from './discretised-logistic.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const allLevels = (levels: number) =>
  Float64Array.from({ length: levels }, (_, k) => (2 * k) / (levels - 1) - 1);

function logProbs(levels: number, mean: number, logScale: number): Float32Array {
  const x = tf.tensor1d(Float32Array.from(allLevels(levels)));
  const own = discretisedLogisticLogProb(x, tf.scalar(mean), tf.scalar(logScale), levels);
  return own.dataSync() as Float32Array;
}

/** Eq. 2 as it is written, in float64; tails by the smaller side, so that differences do not cancel. */
function reference(levels: number, mean: number, logScale: number): number[] {
  const half = 1 / (levels - 1);
  const s = Math.exp(logScale);
  const sigma = (t: number) => 1 / (1 + Math.exp(-t));
  return [...allLevels(levels)].map((x, k) => {
    const upper = k === levels - 1 ? Number.POSITIVE_INFINITY : (x + half - mean) / s;
    const lower = k === 0 ? Number.NEGATIVE_INFINITY : (x - half - mean) / s;
    return x > mean ? sigma(-lower) - sigma(-upper) : sigma(upper) - sigma(lower);
  });
}

const distributions: [number, number, number][] = [
  [256, 0.1, -3],
  [256, -0.97, -4],
  [256, 1.3, -2],
  [256, 0.3, 1],
  [256, 0.5, -7],
  [2, 0.2, 0],
  [5, -2, -1],
  [1000, 0.02, -5],
];

describe.each(distributions)('%d levels, mean %f, log scale %f', (levels, mean, logScale) => {
  it('has probabilities that add up to 1 and are those of eq. 2', () => {
    const values = logProbs(levels, mean, logScale);
    expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 5);
    for (const [k, p] of reference(levels, mean, logScale).entries()) {
      // Where eq. 2 itself underflows there is nothing to compare with.
      if (p < 1e-200) continue;
      // float32 rounds values of up to 2 to 1e-7, which counts in scales, and the logarithm to 1e-7 of itself.
      const rounding = 2e-7 / Math.exp(logScale) + 5e-6 + 1e-6 * Math.abs(Math.log(p));
      expect(Math.abs(values[k]! - Math.log(p))).toBeLessThan(rounding);
    }
  });

  it('draws levels with the moments of the distribution', () => {
    const count = 40_000;
    const noise = fillNoise({
      distribution: 'uniform',
      seed: 3,
      stream: 'u',
      firstIndex: 0,
      count,
      shape: [1],
    });
    const scale = tf.scalar(Math.exp(logScale));
    const drawn = discretisedLogisticDraw(
      tf.scalar(mean),
      scale,
      tf.tensor1d(noise),
      levels,
    ).dataSync() as Float32Array;
    const p = reference(levels, mean, logScale);
    const moment = (power: number, about: number) =>
      p.reduce((sum, q, k) => sum + q * (k - about) ** power, 0);
    const expected = moment(1, 0);
    const variance = moment(2, expected);
    const average = drawn.reduce((a, b) => a + b, 0) / count;
    const spread = drawn.reduce((sum, k) => sum + (k - expected) ** 2, 0) / count;
    // Five standard errors of each.
    expect(Math.abs(average - expected)).toBeLessThan(5 * Math.sqrt(variance / count) + 1e-6);
    const error = Math.sqrt(Math.max(0, moment(4, expected) - variance ** 2) / count);
    expect(Math.abs(spread - variance)).toBeLessThan(5 * error + 1e-6);
  });
});

it('of 65,536 levels still adds up to 1', () => {
  // Levels are values with 24 bits, 3e-5 apart: an interval's ends are off by some 1e-3 of its width, at random.
  const values = logProbs(65_536, 0.25, -4);
  expect(values.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 4);
});

it.each([
  [-0.4, -3],
  [1.2, -1],
  [0.9, -4.5],
])('has the gradient that differences of eq. 2 show, mean %f, log scale %f', (mean, logScale) => {
  const levels = 256;
  const x = tf.tensor1d(Float32Array.from(allLevels(levels)));
  const at = [0, 1, 70, 128, 200, 254, 255];
  const step = 1e-4;
  for (const k of at) {
    const f = (m: tf.Tensor, s: tf.Tensor) =>
      tf.sum(discretisedLogisticLogProb(tf.slice(x, [k], [1]), m, s, levels)).asScalar();
    const own = tf
      .grads(f)([tf.scalar(mean), tf.scalar(logScale)])
      .map((g) => g.dataSync()[0]!);
    const log = (m: number, s: number) => Math.log(reference(levels, m, s)[k]!);
    const differences = [
      (log(mean + step, logScale) - log(mean - step, logScale)) / (2 * step),
      (log(mean, logScale + step) - log(mean, logScale - step)) / (2 * step),
    ];
    for (const [i, expected] of differences.entries()) {
      // Differences in float64 are exact to about 1e-5 of the slope here, float32 sums to about 1e-6 of their terms.
      expect(Math.abs(own[i]! - expected), `level ${k}`).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected)));
    }
  }
});

it.each([
  ['a scale of 1e-7', 0.1, Math.log(1e-7)],
  ['a scale of 1e-7 at a level', -1, Math.log(1e-7)],
  ['a mean far out', 1e4, -3],
  ['a mean far out with a scale of 1e-7', -1e4, Math.log(1e-7)],
  ['a scale of 1e6', 0, Math.log(1e6)],
])('stays finite with %s, and so does its gradient', (_, mean, logScale) => {
  const levels = 256;
  const x = tf.tensor1d(Float32Array.from(allLevels(levels)));
  const f = (m: tf.Tensor, s: tf.Tensor) => tf.sum(discretisedLogisticLogProb(x, m, s, levels)).asScalar();
  const values = logProbs(levels, mean, logScale);
  expect(values.every((value) => Number.isFinite(value) && value <= 1e-6)).toBe(true);
  const gradients = tf.grads(f)([tf.scalar(mean), tf.scalar(logScale)]);
  for (const gradient of gradients) expect(Number.isFinite(gradient.dataSync()[0]!)).toBe(true);
});

it('noise at the ends of its range draws levels within range', () => {
  const u = tf.tensor1d([0, 1 - 2 ** -24]);
  const drawn = (logScale: number) => [
    ...discretisedLogisticDraw(tf.scalar(0), tf.scalar(Math.exp(logScale)), u, 256).dataSync(),
  ];
  expect(drawn(3)).toEqual([0, 255]);
  expect(drawn(-16).every((level) => level === 127 || level === 128)).toBe(true);
});
