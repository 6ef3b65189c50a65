import { expect, test } from 'vitest';
import { closestNames, editDistance } from './closest-names.ts';

test('edit distance of the textbook pairs', () => {
  expect(editDistance('kitten', 'sitting')).toBe(3);
  expect(editDistance('saturday', 'sunday')).toBe(3);
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('abc', 'abc')).toBe(0);
});

test('puts the likeliest name first, and equals in the order given', () => {
  expect(closestNames('Minst', ['glyphs', 'mnist', 'moons'])[0]).toBe('mnist');
  expect(closestNames('b', ['c', 'a'])).toEqual(['c', 'a']);
});
