import { expect, test } from 'vitest';
import { randomPlane } from './directions.ts';

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

test('random directions are orthogonal, half as long as typical codes, and differ with the seed', () => {
  const [a, b] = randomPlane(1, 20);
  const rounded = [dot(a, a), dot(b, b), dot(a, b)].map((value) => Math.round(value * 1e4) / 1e4);
  expect(rounded).toEqual([5, 5, 0]);
  expect(randomPlane(2, 20)[0]).not.toEqual(a);
});
