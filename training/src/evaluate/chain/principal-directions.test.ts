import { expect, it } from 'vitest';
import { normalRows, rowsFrom } from '../test-support.ts';
import { principalDirections, projections } from './principal-directions.ts';

it('finds the axes of normal rows that were stretched and turned, and projects on them', () => {
  const plain = normalRows(4000, 3, { stream: 'axes' });
  const [c, s] = [Math.cos(0.4), Math.sin(0.4)];
  const rows = rowsFrom(
    Array.from({ length: plain.count }, (_, i) => {
      const [x, y, z] = [0, 1, 2].map((k) => plain.values[3 * i + k]!) as [number, number, number];
      return [c * 5 * x - s * 2 * y + 7, s * 5 * x + c * 2 * y, 0.1 * z];
    }),
  );
  const found = principalDirections(rows, 2);
  const [first, second] = found.directions as [Float64Array, Float64Array];
  for (const [k, value] of [c, s, 0].entries()) expect(first[k]).toBeCloseTo(value, 1);
  for (const [k, value] of [-s, c, 0].entries()) expect(second[k]).toBeCloseTo(value, 1);
  const along = projections(rows, found, 0);
  const mean = along.reduce((sum, value) => sum + value, 0) / along.length;
  const variance = along.reduce((sum, value) => sum + value * value, 0) / along.length;
  expect(mean).toBeCloseTo(0, 4);
  expect(Math.abs(variance / 25 - 1)).toBeLessThan(0.1);
});

it('finds no more directions than rows vary in', () => {
  const line = rowsFrom([
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
  expect(principalDirections(line, 2).directions).toHaveLength(1);
  expect(principalDirections(rowsFrom([[1, 1]]), 2).directions).toHaveLength(0);
});
