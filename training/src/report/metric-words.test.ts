import { expect, test } from 'vitest';
import { metricWords, modelWords } from './metric-words.ts';

test.each([
  ['modesHit', 'modes of the data that samples hit'],
  ['loss', 'loss, what training lowers'],
  ['deepError', 'deep error'],
  ['constructor', 'constructor'],
  ['heldOut/elbo', 'lower bound of the log-likelihood, nats, on validation data'],
])('%s in words', (name, words) => {
  expect(metricWords(name)).toBe(words);
});

test('a model says which way its metrics should go, in its own words where it has them', () => {
  expect(
    modelWords({
      reconstructionError: { direction: 'falls' },
      generatorLoss: { direction: 'neither' },
      overlap: { direction: 'rises', meaning: 'share of states that agree' },
    }),
  ).toEqual({
    reconstructionError: 'reconstruction error: should fall',
    generatorLoss: 'loss of the generator: says nothing by its height',
    overlap: 'share of states that agree: should rise',
  });
});
