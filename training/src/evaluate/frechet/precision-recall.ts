import { tf } from '@generatrix/export';
import { hostTensor } from '@generatrix/runtime/core';
import type { CompiledFunctions } from '../compiled-functions.ts';
import { nearest, squaredDistances } from '../nearest.ts';
import { centredBlock, columnMeans, type Rows } from '../rows.ts';

export interface PrecisionRecall {
  /** Share of samples that lie in the manifold of the real examples. */
  readonly precision: number;
  /** Share of real examples that lie in the manifold of the samples. */
  readonly recall: number;
}

/**
 * Precision and recall of manifolds (Kynkaanniemi et al. 2019, eq. 1 and 2): the manifold of a set is the union of
 * balls about its members that reach to their k-th nearest other member; k = 3 as there. Compare only at equal
 * numbers of examples.
 */
export async function precisionRecall(
  compiled: CompiledFunctions,
  real: Rows,
  samples: Rows,
  k = 3,
): Promise<PrecisionRecall> {
  return {
    precision: await shareInside(compiled, samples, real, await radii(compiled, real, k)),
    recall: await shareInside(compiled, real, samples, await radii(compiled, samples, k)),
  };
}

/** Distance of each row to its k-th nearest other row. */
async function radii(compiled: CompiledFunctions, rows: Rows, k: number): Promise<Float32Array> {
  const { distances } = await nearest(compiled, rows, rows, k, { exclude: (i) => i });
  return Float32Array.from({ length: rows.count }, (_, i) => distances[i * k + k - 1]!);
}

const queryBlock = 500;
const memberBlock = 5000;

async function shareInside(
  compiled: CompiledFunctions,
  queries: Rows,
  members: Rows,
  radius: Float32Array,
): Promise<number> {
  const centre = columnMeans(members);
  const inside = new Uint8Array(queries.count);
  for (let first = 0; first < members.count; first += memberBlock) {
    const count = Math.min(memberBlock, members.count - first);
    const balls = {
      y: centredBlock(members, centre, first, count),
      squaredRadius: hostTensor(
        'float32',
        [count],
        radius.slice(first, first + count).map((r) => r * r),
      ),
    };
    for (let start = 0; start < queries.count; start += queryBlock) {
      const rows = Math.min(queryBlock, queries.count - start);
      const { reach } = await compiled.run(
        'inside',
        ({ x, y, squaredRadius }) => ({ reach: tf.max(tf.sub(squaredRadius!, squaredDistances(x!, y!)), 1) }),
        { x: centredBlock(queries, centre, start, rows), ...balls },
      );
      for (let i = 0; i < rows; i++) if (reach!.data[i]! >= 0) inside[start + i] = 1;
    }
  }
  return inside.reduce((sum, value) => sum + value, 0) / queries.count;
}
