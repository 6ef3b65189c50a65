import { tf } from '@generatrix/export';
import { fillNoise } from '@generatrix/runtime/core';
import { beforeAll, expect, it } from 'vitest';
import { categoricalLogProb } from './categorical.ts';
import { categoricalDraw } from './inversion.ts';

const rows = [
  [0.3, -1.2, 2, 0],
  [100, 0, -100, 99],
  [-0.5, -0.5, -0.5, -0.5],
];
const classes = [2, 3, 0];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('is the logit less the log of the sum of exponentials', () => {
  const values = categoricalLogProb(tf.tensor2d(rows), tf.tensor1d(classes)).dataSync();
  for (const [i, row] of rows.entries()) {
    const top = Math.max(...row);
    const total = Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0)) + top;
    expect(values[i]).toBeCloseTo(row[classes[i]!]! - total, 5);
  }
});

it('has the gradient that tfjs gives of the plain formula', () => {
  const weights = tf.tensor1d([1, -2, 0.5]);
  const index = tf.tensor1d(classes);
  const plain = (x: tf.Tensor) =>
    tf.sum(tf.mul(weights, tf.sum(tf.mul(tf.logSoftmax(x), tf.oneHot(tf.cast(index, 'int32'), 4)), 1)));
  const own = (x: tf.Tensor) => tf.sum(tf.mul(weights, categoricalLogProb(x as tf.Tensor2D, index)));
  const [actual, expected] = [own, plain].map((f) =>
    tf.grad(f as (x: tf.Tensor) => tf.Scalar)(tf.tensor2d(rows)),
  );
  expect(tf.max(tf.abs(tf.sub(actual!, expected!))).dataSync()[0]).toBeLessThan(1e-6);
});

it.each([1, 0.5, 3])('draws classes as often as softmax(logits / %d) says', (temperature) => {
  const count = 50_000;
  const row = rows[0]!;
  const uniform = fillNoise({
    distribution: 'uniform',
    seed: 5,
    stream: 'u',
    firstIndex: 0,
    count,
    shape: [1],
  });
  const drawn = categoricalDraw(
    tf.tile(tf.tensor2d([row]), [count, 1]),
    tf.tensor1d(uniform),
    tf.scalar(temperature),
  ).dataSync();
  const weights = row.map((value) => Math.exp(value / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  for (const [k, weight] of weights.entries()) {
    const p = weight / total;
    const frequency = drawn.filter((value) => value === k).length / count;
    expect(Math.abs(frequency - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / count));
  }
});

it('noise at the very end of its range stays within the classes', () => {
  const logits = tf.tensor2d([new Array<number>(256).fill(0.1)]);
  const [last] = categoricalDraw(logits, tf.tensor1d([1 - 2 ** -24]), tf.scalar(1)).dataSync();
  expect(last).toBe(255);
});
