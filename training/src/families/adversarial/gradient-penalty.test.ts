import { tf } from '@generatrix/export';
import { beforeAll, describe, expect, it } from 'vitest';
import { between, gradientPenalty } from './gradient-penalty.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('of a linear critic', () => {
  const weights = [3, -1, 2];
  const length = Math.sqrt(14);
  const points = tf.tensor2d([0.1, 2, 3, -4, 5, 6.5], [2, 3]);
  const critic = (w: tf.Tensor) => (x: tf.Tensor) =>
    tf.reshape(tf.matMul(x as tf.Tensor2D, tf.reshape(w, [3, 1]) as tf.Tensor2D), [-1]);

  it('is (|w| - 1)^2, wherever the points are', () => {
    expect(gradientPenalty(critic(tf.tensor1d(weights)), points).dataSync()[0]).toBeCloseTo(
      (length - 1) ** 2,
      4,
    );
  });

  it('has the gradient 2 (|w| - 1) w / |w|', () => {
    const gradient = tf
      .grad((w: tf.Tensor) => gradientPenalty(critic(w), points))(tf.tensor1d(weights))
      .dataSync();
    for (const [i, w] of weights.entries()) {
      expect(gradient[i]).toBeCloseTo((2 * (length - 1) * w) / length, 4);
    }
  });
});

it('of a critic that ignores its input is 1, with a finite gradient', () => {
  const critic = (w: tf.Tensor) => (x: tf.Tensor) => tf.sum(tf.mul(x, tf.mul(w, 0)), 1);
  const points = tf.ones([2, 3]);
  const { value, grad } = tf.valueAndGrad((w: tf.Tensor) => gradientPenalty(critic(w), points))(tf.ones([3]));
  expect(value.dataSync()[0]).toBeCloseTo(1, 5);
  expect([...grad.dataSync()].every(Number.isFinite)).toBe(true);
});

it('takes points between examples and samples, each with its own share', () => {
  const points = between(tf.ones([2, 2, 1]), tf.mul(3, tf.ones([2, 2, 1])), tf.tensor1d([0, 0.25]));
  expect([...points.dataSync()]).toEqual([3, 3, 2.5, 2.5]);
});
