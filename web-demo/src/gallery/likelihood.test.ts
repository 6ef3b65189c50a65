import { expect, test } from 'vitest';
import { likelihoodOf } from './likelihood.ts';

test('the exact likelihood comes before a bound, and training data does not count', () => {
  expect(likelihoodOf({ loss: 1, elbo: -1, 'heldOut/elbo': -145.834 })).toBe('−145.83 nats (lower bound)');
  expect(likelihoodOf({ 'heldOut/elbo': -2, 'heldOut/logProb': -1.5 })).toBe('−1.50 nats');
  expect(likelihoodOf({ elbo: -1, logProb: 3 })).toBeUndefined();
});
