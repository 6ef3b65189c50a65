import { expect, test } from 'vitest';
import { plotRegion } from './scatter.ts';

test('the region is the smallest centred square with a margin of 5 %', () => {
  const { centre, halfWidth } = plotRegion([0, 0, 4, 2], 2);
  expect(centre).toEqual([2, 1]);
  expect(halfWidth).toBeCloseTo(2.1, 12);
});

test('further dimensions do not count; a single one is plotted against zero', () => {
  expect(plotRegion([0, 0, 900, 4, 2, -900], 3)).toEqual(plotRegion([0, 0, 4, 2], 2));
  expect(plotRegion([-3, 5], 1)).toEqual({ centre: [1, 0], halfWidth: 4 * 1.05 });
});

test('values that are not finite are left out', () => {
  const withHoles = [0, 0, Number.NaN, 1, Number.POSITIVE_INFINITY, 1, 4, 2];
  expect(plotRegion(withHoles, 2)).toEqual(plotRegion([0, 0, 4, 2], 2));
});

test('one point, or none, still gives a region with an extent', () => {
  expect(plotRegion([7, -2], 2)).toEqual({ centre: [7, -2], halfWidth: 1 });
  expect(plotRegion([], 2)).toEqual({ centre: [0, 0], halfWidth: 1 });
});
