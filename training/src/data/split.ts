import { permutation } from '@generatrix/runtime/core';
import type { FileSplit } from './dataset.ts';

/** Share of the examples that go to the test split when the data comes without one. */
const testShare = 0.1;

/**
 * One side of a seeded split: a tenth of the examples, rounded, are the test split and the rest train. Each
 * side holds at least one example when there are two. Indices come back in increasing order.
 */
export function seededSplit(size: number, split: FileSplit, seed: number): Int32Array {
  const order = Int32Array.from(permutation(seed, 'data/split', size));
  const testSize = size < 2 ? 0 : Math.max(1, Math.round(size * testShare));
  const side = split === 'test' ? order.subarray(0, testSize) : order.subarray(testSize);
  return side.sort();
}

/** A seeded subset of at most `limit` of these indices, in their own order; all of them without a limit. */
export function limitTo(indices: Int32Array, limit: number | undefined, seed: number): Int32Array {
  if (limit === undefined || limit >= indices.length) return indices;
  const chosen = permutation(seed, 'data/subset', indices.length).slice(0, limit).sort();
  return Int32Array.from(chosen, (position) => indices[position]!);
}
