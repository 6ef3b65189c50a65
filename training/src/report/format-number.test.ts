import { expect, test } from 'vitest';
import { formatNats, formatNumber } from './format-number.ts';

test.each([
  [0, '0'],
  [-6.7e-16, '0'],
  [4e-13, '0'],
  [-2e-12, '-2.00e-12'],
  [-0.5, '-0.5'],
  [86.7654, '86.77'],
  [-1234.56, '-1235'],
  [0.00012345, '1.23e-4'],
  [12345678, '1.23e+7'],
])('%f is written %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

test.each([
  [-42.3494, '-42.349'],
  [-6.7e-16, '0.000'],
  [-0.0004, '0.000'],
  [Number.NaN, 'NaN'],
])('%f nats are written %s', (value, text) => {
  expect(formatNats(value)).toBe(text);
});
