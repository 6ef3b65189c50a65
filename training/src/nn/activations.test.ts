import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { expectModule } from '../testing/module-check.ts';
import { type Activation, activationNames, activations, leakyRelu } from './activations.ts';
import { sequential } from './module.ts';

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

it('the gradient of leaky ReLU can be differentiated again, as a gradient penalty needs', () => {
  const slopeOf = tf.grad((x: tf.Tensor) => tf.sum(tf.square(leakyRelu(x))));
  // d/dx of the square of (2 s^2 x) is 8 s^4 x.
  const [below, above] = tf
    .grad((x: tf.Tensor) => tf.sum(tf.square(slopeOf(x))))(tf.tensor1d([-2, 3]))
    .dataSync();
  expect(below).toBeCloseTo(8 * 0.2 ** 4 * -2, 6);
  expect(above).toBeCloseTo(24, 5);
});

/** The error function by its series about 0, in doubles: exact to 1e-12 for the arguments here. */
function erf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; n < 60; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

it.each<[Activation, (x: number) => number]>([
  ['relu', (x) => Math.max(0, x)],
  ['leakyRelu', (x) => (x > 0 ? x : 0.2 * x)],
  ['elu', (x) => (x > 0 ? x : Math.expm1(x))],
  ['silu', (x) => x / (1 + Math.exp(-x))],
  ['gelu', (x) => (x / 2) * (1 + erf(x / Math.SQRT2))],
  ['sigmoid', (x) => 1 / (1 + Math.exp(-x))],
  ['tanh', Math.tanh],
  ['linear', (x) => x],
])('%s is its definition, with its slope', (name, reference) =>
  expectModule({
    module: sequential([activations[name]]),
    shape: [6, 4],
    reference: ({ x }) => x.map(reference),
  }),
);

it('every activation that an option may name is there', () => {
  expect([...activationNames].toSorted()).toEqual(Object.keys(activations).toSorted());
});
