import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { type ElboOptions, elboLoss } from './elbo.ts';
import { totalCorrelation } from './total-correlation.ts';

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

const means = [
  [0.3, -1.2, 0.1],
  [1.4, 0.2, -0.6],
  [-0.5, 0.9, 2.0],
];
const logStds = [
  [-0.2, 0.3, -1],
  [-0.9, 0.1, 0],
  [0.2, -0.4, -0.5],
];
const codes = [
  [0.1, -0.7, 0.3],
  [1.9, 0.6, -0.2],
  [-0.4, 1.1, 1.7],
];

it('total correlation is that of the mixture of posteriors, term by term', () => {
  const density = (x: number, mean: number, logStd: number) =>
    Math.exp(-0.5 * ((x - mean) / Math.exp(logStd)) ** 2 - logStd) / Math.sqrt(2 * Math.PI);
  const each = (i: number, j: number) => codes[i]!.map((x, d) => density(x, means[j]![d]!, logStds[j]![d]!));
  let expected = 0;
  for (const i of [0, 1, 2]) {
    const terms = [0, 1, 2].map((j) => each(i, j));
    const joint = terms.reduce((sum, term) => sum + term.reduce((a, b) => a * b, 1) / 3, 0);
    const marginals = [0, 1, 2].map((d) => terms.reduce((sum, term) => sum + term[d]! / 3, 0));
    expected += (Math.log(joint) - marginals.reduce((sum, value) => sum + Math.log(value), 0)) / 3;
  }
  const encoding = { mean: tf.tensor2d(means), logStd: tf.tensor2d(logStds) };
  expect(totalCorrelation(encoding, tf.tensor2d(codes)).dataSync()[0]).toBeCloseTo(expected, 5);
  expect(expected).toBeGreaterThan(0.1);
});

it('posteriors that are all the same have no total correlation', () => {
  const same = { mean: tf.zeros([3, 3]), logStd: tf.zeros([3, 3]) };
  expect(totalCorrelation(same, tf.tensor2d(codes)).dataSync()[0]).toBeCloseTo(0, 5);
});

it('its weight adds what is above 1 times it to the loss', () => {
  // Two codes alike, between posteriors at -9 and 9 in both dimensions: log q(z) = log 1/2 + ..., each marginal too.
  const encoding = {
    mean: tf.tensor2d([
      [-9, -9],
      [9, 9],
    ]),
    logStd: tf.zeros([2, 2]),
  };
  const { loss, metrics } = elboLoss(
    {
      encode: () => encoding,
      draw: () => ({ z: encoding.mean, logQ: encoding.mean }),
      divergence: () => tf.tensor2d(divergences),
      logLikelihoods: () => tf.tensor2d(likelihoods),
    },
    { beta: 1, klWarmUp: 0, freeBits: 0, totalCorrelation: 4 },
    {},
    { x: encoding.mean, eps: encoding.mean, step: tf.scalar(0) },
  );
  // Either dimension tells the other which of two modes it is in: log 2 nats.
  expect(metrics!.totalCorrelation!.dataSync()[0]).toBeCloseTo(Math.LN2, 5);
  expect(loss.dataSync()[0]).toBeCloseTo(5.9 + 3 * Math.LN2, 5);
});
