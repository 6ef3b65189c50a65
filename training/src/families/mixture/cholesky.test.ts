import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { choleskyFactor, invertLower } from './cholesky.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Well-conditioned covariance matrices [count, d, d]. */
function covariances(count: number, d: number): tf.Tensor3D {
  const noise = fillNoise({
    distribution: 'normal',
    seed: 1,
    stream: 'cholesky',
    firstIndex: 0,
    count,
    shape: [d, 2 * d],
  });
  const factor = tf.tensor3d(noise, [count, d, 2 * d]);
  return tf.div(tf.matMul(factor, factor, false, true), 2 * d) as tf.Tensor3D;
}

const largest = (x: tf.Tensor) => tf.max(tf.abs(x)).dataSync()[0]!;

describe.each([1, 2, 5, 24])('stacks of %i x %i matrices', (d) => {
  it('L L^T gives the matrix back, and L is lower triangular with a positive diagonal', () => {
    const matrices = covariances(3, d);
    const factor = choleskyFactor(matrices, 1e-12);
    expect(largest(tf.sub(tf.matMul(factor, factor, false, true), matrices))).toBeLessThan(1e-5);
    expect(largest(tf.sub(factor, tf.linalg.bandPart(factor, -1, 0)))).toBe(0);
    expect(tf.min(tf.sum(tf.mul(factor, tf.eye(d)), 2)).dataSync()[0]).toBeGreaterThan(0);
  });

  it('the inverse times the factor is the identity', () => {
    const factor = choleskyFactor(covariances(3, d), 1e-12);
    expect(largest(tf.sub(tf.matMul(invertLower(factor), factor), tf.eye(d)))).toBeLessThan(1e-4);
  });
});

it('a singular matrix gives finite factors, because of the floor', () => {
  const singular = tf.ones([1, 3, 3]) as tf.Tensor3D;
  expect(choleskyFactor(singular, 1e-6).dataSync().every(Number.isFinite)).toBe(true);
});
