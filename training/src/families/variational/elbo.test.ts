import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { type ElboOptions, elboLoss } from './elbo.ts';

beforeAll(() => tf.setBackend('cpu'));

const divergences = [
  [0.1, 0.5],
  [0.3, 0.9],
]; // mean 0.2 and 0.7
const likelihoods = [
  [-1, -2],
  [-3, -4],
]; // mean -5

/** The loss at a step, of a model whose terms are those. */
function lossOf(options: Partial<ElboOptions>, step = 0, counted?: number[][]): number {
  const x = tf.zeros([2, 2]);
  const { loss } = elboLoss(
    {
      encode: () => ({ mean: x, logStd: x }),
      draw: () => ({ z: x, logQ: x }),
      divergence: () => tf.tensor2d(divergences),
      logLikelihoods: () => tf.tensor2d(likelihoods),
    },
    { beta: 1, klWarmUp: 0, freeBits: 0, ...options },
    {},
    { x, eps: x, step: tf.scalar(step), ...(counted && { counted: tf.tensor2d(counted) }) },
  );
  return loss.dataSync()[0]!;
}

it.each<[string, Partial<ElboOptions>, number, number]>([
  ['the ELBO', {}, 0, 5 + 0.9],
  ['beta', { beta: 3 }, 0, 5 + 2.7],
  ['free bits of a dimension below them', { freeBits: 0.5 }, 0, 5 + 0.5 + 0.7],
  ['the first step of a warm-up', { klWarmUp: 10 }, 0, 5 + 0.09],
  ['its middle', { klWarmUp: 10, beta: 2 }, 4, 5 + 0.9],
  ['its end, and after', { klWarmUp: 10 }, 9, 5 + 0.9],
  ['long after', { klWarmUp: 10 }, 500, 5 + 0.9],
])('the loss with %s', (_, options, step, expected) => {
  expect(lossOf(options, step)).toBeCloseTo(expected, 5);
});

it('values that are told are not explained', () => {
  expect(
    lossOf({}, 0, [
      [1, 0],
      [0, 1],
    ]),
  ).toBeCloseTo(2.5 + 0.9, 5);
});
