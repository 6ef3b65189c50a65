import { hostTensor } from '@generatrix/runtime/core';
import { expect, it } from 'vitest';
import { filterGalleries, sortedFilters } from './filter-gallery.ts';

it('filters come longest first, each on a scale of its own', () => {
  // Columns (1, 0, -2, 0), (3, 4, 0, 0) and (0, 0, 0, 0).
  const weights = hostTensor('float32', [4, 3], new Float32Array([1, 3, 0, 0, 4, 0, -2, 0, 0, 0, 0, 0]));
  const { filters, norms } = sortedFilters(weights, [2, 2, 1], 3);
  expect(filters.shape).toEqual([3, 2, 2, 1]);
  expect([...filters.data]).toEqual([0.75, 1, 0, 0, 0.5, 0, -1, 0, 0, 0, 0, 0]);
  expect(norms.map((norm) => norm.toFixed(4))).toEqual(['5.0000', '2.2361', '0.0000']);
  expect(sortedFilters(weights, [2, 2, 1], 1).filters.shape).toEqual([1, 2, 2, 1]);
});

it('there is a picture of images alone', async () => {
  const weights = hostTensor('float32', [4, 3], new Float32Array(12));
  const image = { kind: 'image', shape: [2, 2, 1], range: [0, 1] } as const;
  const [gallery] = await filterGalleries(weights, image);
  expect(gallery!.text).toContain('3 of the 3 units');
  expect(gallery!.figures).toHaveLength(1);
  expect(await filterGalleries(weights, { kind: 'points', shape: [4] })).toEqual([]);
});
