import { expect, test } from 'vitest';
import { randomPlane, slerp } from './directions.ts';

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

test('random directions are orthogonal, half as long as typical codes, and differ with the seed', () => {
  const [a, b] = randomPlane(1, 20);
  const rounded = [dot(a, a), dot(b, b), dot(a, b)].map((value) => Math.round(value * 1e4) / 1e4);
  expect(rounded).toEqual([5, 5, 0]);
  expect(randomPlane(2, 20)[0]).not.toEqual(a);
});

test('on the way between two codes of equal length, the length stays and the angle grows evenly', () => {
  const a = Float32Array.from([2, 0, 0]);
  const b = Float32Array.from([0, 2, 0]);
  const third = slerp(a, b, 1 / 3);
  expect(third[0]).toBeCloseTo(2 * Math.cos(Math.PI / 6), 6);
  expect(third[1]).toBeCloseTo(2 * Math.sin(Math.PI / 6), 6);
  expect([...slerp(a, b, 0)]).toEqual([2, 0, 0]);
  expect(slerp(a, b, 1)[1]).toBeCloseTo(2, 6);
});

test('codes in one line are joined straight', () => {
  expect([...slerp(Float32Array.from([1]), Float32Array.from([3]), 0.5)]).toEqual([2]);
});
