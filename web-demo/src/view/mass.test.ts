import { expect, test } from 'vitest';
import { gridOf, massInSight } from './mass.ts';

const region = { centre: [1, -2], halfWidth: 3 } as const;
const side = 96;
const cell = (2 * region.halfWidth) / side;

/** Nats of a round Gaussian at the cells of the grid. */
function gaussian(deviation: number, x: number, y: number): Float64Array {
  const grid = gridOf(region, side);
  return Float64Array.from({ length: side * side }, (_, i) => {
    const squares = (grid[2 * i]! - x) ** 2 + (grid[2 * i + 1]! - y) ** 2;
    return -squares / (2 * deviation ** 2) - Math.log(2 * Math.PI * deviation ** 2);
  });
}

test('the grid goes through the region row by row from the top', () => {
  const grid = gridOf({ centre: [10, 20], halfWidth: 1 }, 2);
  expect([...grid]).toEqual([9.5, 20.5, 10.5, 20.5, 9.5, 19.5, 10.5, 19.5]);
});

test.each([
  ['all of it', 0.5, 1, -2, 1],
  // The right edge is two deviations away: 2.28 % lie beyond it.
  ['what is inside of the edge', 0.5, 3, -2, 0.9772],
])('the mass of a density as wide as some cells is %s', (_, deviation, x, y, share) => {
  expect(massInSight(gaussian(deviation, x, y), region)).toBeCloseTo(share, 3);
});

test('of a density that is sharper than its cells nothing is said, where the plain sum would be wrong', () => {
  const sharp = gaussian(0.4 * cell, 1 + cell / 2, -2 + cell / 2);
  const plain = sharp.reduce((sum, value) => sum + Math.exp(value), 0) * cell ** 2;
  expect(plain).toBeGreaterThan(1.03);
  expect(massInSight(sharp, region)).toBeUndefined();
  expect(massInSight(gaussian(2 * cell, 1, -2), region)).toBeCloseTo(1, 6);
});
