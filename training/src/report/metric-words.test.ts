import { expect, test } from 'vitest';
import { metricWords } from './metric-words.ts';

test.each([
  ['modesHit', 'modes of the data that samples hit'],
  ['loss', 'loss, what training lowers'],
  ['deepError', 'deep error'],
  ['constructor', 'constructor'],
  ['heldOut/elbo', 'lower bound of the log-likelihood, nats, on validation data'],
])('%s in words', (name, words) => {
  expect(metricWords(name)).toBe(words);
});
