import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { discrepancy, squaredDiscrepancy } from './mmd.ts';

const bandwidths = [0.5, 2, 8];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function normals(stream: string, count: number, width: number): Float32Array {
  return fillNoise({ distribution: 'normal', seed: 21, stream, firstIndex: 0, count, shape: [width] });
}

/** The definition in doubles, one pair after another. */
function naive(x: ArrayLike<number>, y: ArrayLike<number>, width: number): number {
  const meanKernel = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < a.length; i += width) {
      for (let j = 0; j < b.length; j += width) {
        let squared = 0;
        for (let k = 0; k < width; k++) squared += (a[i + k]! - b[j + k]!) ** 2;
        for (const bandwidth of bandwidths) sum += Math.exp(-squared / (2 * bandwidth));
      }
    }
    return (sum * width * width) / (a.length * b.length);
  };
  return meanKernel(x, x) + meanKernel(y, y) - 2 * meanKernel(x, y);
}

function value(scalar: tf.Tensor): number {
  return scalar.dataSync()[0]!;
}

describe('maximum mean discrepancy', () => {
  it('agrees with the double loop over pairs, and its root with the root', () => {
    const [x, y] = [normals('x', 13, 4), normals('y', 9, 4).map((v) => 0.7 * v + 0.5)];
    const [a, b] = [tf.tensor2d(x, [13, 4]), tf.tensor2d(y, [9, 4])];
    const expected = naive(x, y, 4);
    expect(value(squaredDiscrepancy(a, b, bandwidths))).toBeCloseTo(expected, 5);
    expect(value(discrepancy(a, b, bandwidths))).toBeCloseTo(Math.sqrt(expected), 5);
  });

  it('is zero for equal sets in any order, with a gradient that is finite', () => {
    const x = tf.tensor2d(normals('x', 8, 3), [8, 3]);
    const reversed = tf.reverse(x, 0);
    // Three means of at most 3 each cancel, to float32 rounding.
    expect(Math.abs(value(squaredDiscrepancy(x, reversed, bandwidths)))).toBeLessThan(3e-6);
    const gradient = tf.grad((points: tf.Tensor) => discrepancy(points, reversed, bandwidths))(x);
    expect([...gradient.dataSync()].every(Number.isFinite)).toBe(true);
  });

  it('approaches the closed form for two Gaussians', () => {
    const [count, width] = [600, 2];
    const [shift, scale] = [1, 0.5];
    const x = tf.tensor2d(normals('many x', count, width), [count, width]);
    const y = tf.tensor2d(
      normals('many y', count, width).map((v) => scale * v + shift),
      [count, width],
    );
    // E exp(-|x - y|^2 / 2s) for x - y ~ N(m, v I) is (s / (s + v))^(d/2) exp(-|m|^2 / 2(s + v)).
    const expectation = (m: number, v: number) =>
      bandwidths.reduce(
        (sum, s) => sum + (s / (s + v)) ** (width / 2) * Math.exp((-width * m * m) / (2 * (s + v))),
        0,
      );
    const expected =
      expectation(0, 2) + expectation(0, 2 * scale ** 2) - 2 * expectation(shift, 1 + scale ** 2);
    const estimate = value(squaredDiscrepancy(x, y, bandwidths));
    // The biased estimate counts each point with itself: k(x, x) = 3 in place of an expectation, 1 pair in `count`.
    const bias = (2 * bandwidths.length - expectation(0, 2) - expectation(0, 2 * scale ** 2)) / count;
    // Over 30 pairs of sets of this size the estimate had a standard deviation of 0.043; three of them.
    expect(Math.abs(estimate - bias - expected)).toBeLessThan(0.13);
    expect(expected).toBeGreaterThan(0.5);
  });

  it.each([
    ['the square', squaredDiscrepancy],
    ['the root', discrepancy],
  ])('the gradient of %s is the slope', (_, measure) => {
    const x = normals('x', 6, 3);
    const y = tf.tensor2d(normals('y', 7, 3), [7, 3]);
    const at = (values: Float32Array) => measure(tf.tensor2d(values, [6, 3]), y, bandwidths);
    const gradient = tf
      .grad((points: tf.Tensor) => measure(points, y, bandwidths))(tf.tensor2d(x, [6, 3]))
      .dataSync();
    const h = 1e-2;
    for (const [i, slope] of gradient.entries()) {
      const moved = (by: number) => value(at(x.map((v, j) => (j === i ? v + by : v))));
      // Float32 resolves 2e-7 of a value near 1: 2e-5 of noise in the quotient; the third derivative adds h^2.
      expect(Math.abs((moved(h) - moved(-h)) / (2 * h) - slope)).toBeLessThan(2e-4);
    }
  });
});
