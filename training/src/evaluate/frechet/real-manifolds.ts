import type { CompiledFunctions } from '../compiled-functions.ts';
import { nearest } from '../nearest.ts';
import { realSplits } from '../real-splits.ts';
import { type Rows, stack } from '../rows.ts';
import type { PrecisionRecall } from './precision-recall.ts';

/** Neighbours that are kept of each example; the k-th of a side lies among them but for one example in millions. */
const kept = 64;

/**
 * Precision and recall of random splits of real examples (see `precisionRecall`), from one search for neighbours: a
 * member's ball reaches to its k-th neighbour of its own side, so the examples of the other side that it holds stand
 * before that one in its list.
 * @param pool [n, width] examples that samples are compared with
 * @param other [m, width] the other kind of real examples
 * @param side examples of a side
 */
export async function realManifolds(
  compiled: CompiledFunctions,
  pool: Rows,
  other: Rows,
  { side, splits, k = 3 }: { readonly side: number; readonly splits?: number; readonly k?: number },
): Promise<PrecisionRecall[]> {
  const all = stack(pool, other);
  const each = Math.min(kept, all.count - 1);
  const { indices, distances } = await nearest(compiled, all, all, each, { exclude: (i) => i });
  const side1 = new Uint8Array(all.count);
  const side2 = new Uint8Array(all.count);
  const found: PrecisionRecall[] = [];
  const options = { pool: pool.count, other: other.count, size: side };
  for (const { first, second } of realSplits(splits === undefined ? options : { ...options, splits })) {
    side1.fill(0);
    side2.fill(0);
    for (const index of first) side1[index] = 1;
    for (const index of second) side2[index] = 1;
    found.push({
      precision: shareHeld(first, side1, side2, side),
      recall: shareHeld(second, side2, side1, side),
    });
  }
  return found;

  /** Share of the other side that lies in the ball of some member. */
  function shareHeld(members: Int32Array, own: Uint8Array, theirs: Uint8Array, count: number): number {
    const held = new Set<number>();
    for (const member of members) {
      let seen = 0;
      let radius = Number.POSITIVE_INFINITY;
      for (let j = 0; j < each; j++) {
        const at = member * each + j;
        if (distances[at]! > radius) break;
        const index = indices[at]!;
        if (own[index] === 1 && ++seen === k) radius = distances[at]!;
        if (theirs[index] === 1) held.add(index);
      }
    }
    return held.size / count;
  }
}
