import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { leakyRelu } from './activations.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('leaky ReLU has slope 1 above 0 and the given slope below, 0.2 when absent', () => {
  const x = tf.tensor1d([-2, -0.5, 0, 3]);
  expect([...leakyRelu(x).dataSync()].map((value) => Number(value.toFixed(6)))).toEqual([-0.4, -0.1, 0, 3]);
  expect([...leakyRelu(x, 0.01).dataSync()].map((value) => Number(value.toFixed(6)))).toEqual([
    -0.02, -0.005, 0, 3,
  ]);
  const slopes = tf
    .grad((value: tf.Tensor) => tf.sum(leakyRelu(value)))(tf.tensor1d([-2, 3]))
    .dataSync();
  expect([...slopes].map((value) => Number(value.toFixed(6)))).toEqual([0.2, 1]);
});
