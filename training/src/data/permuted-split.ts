import { permutation } from '@generatrix/runtime/core';
import type { HeldOut, PartRequest } from './split.ts';

/** Share of the examples that were the test split when the data came without one. */
const testShare = 0.1;

/**
 * A part of data as runs took it before they recorded a rule: of undivided data a permutation of positions held out a
 * tenth, which served to validate and to test; a limit took a seeded subset of positions. Kept so that such a run goes
 * on with the examples that it was trained on.
 * @param missing parts that the files do not bring
 */
export function permutedPart(
  count: number,
  { split, size, splitSeed = 0 }: PartRequest,
  missing: readonly HeldOut[],
): Int32Array {
  const order = Int32Array.from(permutation(splitSeed, 'data/split', count));
  const tested = missing.includes('test') && count >= 2 ? Math.max(1, Math.round(count * testShare)) : 0;
  const held = missing.includes('test') && split !== 'train';
  const part = (held ? order.subarray(0, tested) : order.subarray(tested)).sort();
  if (size === undefined || size >= part.length) return part;
  const chosen = permutation(splitSeed, 'data/subset', part.length).slice(0, size).sort();
  return Int32Array.from(chosen, (position) => part[position]!);
}
