import { tf } from '@generatrix/export';
import type { HostTensor } from '@generatrix/runtime/core';
import type { CompiledFunctions } from './compiled-functions.ts';
import { centredBlock, columnMeans, distance, type Rows } from './rows.ts';

/** Rows of each side in one block: the distances of a block take 10 MB. */
const queryBlock = 500;
const referenceBlock = 5000;

export interface Neighbours {
  readonly k: number;
  /** [queries, k], nearest first. */
  readonly indices: Int32Array;
  /** [queries, k] Euclidean distances. */
  readonly distances: Float64Array;
}

/** |x - y|^2 of all pairs: [n, d] and [m, d] to [n, m]. */
export function squaredDistances(x: tf.Tensor, y: tf.Tensor): tf.Tensor2D {
  const norms = tf.add(tf.sum(tf.square(x), 1, true), tf.sum(tf.square(y), 1));
  return tf.relu(tf.sub(norms, tf.mul(2, tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D, false, true))));
}

/**
 * The k nearest references of each query, by Euclidean distance. Candidates are found in float32 in compiled blocks;
 * the distances of those found are computed again in double precision, so that a copy has distance 0.
 * @param options.exclude index of the one reference that a query may not be given (itself), by query
 */
export async function nearest(
  compiled: CompiledFunctions,
  queries: Rows,
  references: Rows,
  k: number,
  options: { readonly exclude?: (query: number) => number } = {},
): Promise<Neighbours> {
  const { exclude } = options;
  const wanted = exclude === undefined ? k : k + 1;
  if (references.count < wanted) {
    throw new Error(`nearest: ${k} neighbours need ${wanted} references, got ${references.count}`);
  }
  const centre = columnMeans(references);
  const indices = new Int32Array(queries.count * k);
  const distances = new Float64Array(queries.count * k);
  for (let start = 0; start < queries.count; start += queryBlock) {
    const rows = Math.min(queryBlock, queries.count - start);
    const found: { index: number; distance: number }[][] = Array.from({ length: rows }, () => []);
    const left = centredBlock(queries, centre, start, rows);
    for (let first = 0; first < references.count; first += referenceBlock) {
      const count = Math.min(referenceBlock, references.count - first);
      const right = centredBlock(references, centre, first, count);
      const candidates = await nearestInBlock(compiled, left, right, Math.min(wanted, count));
      const each = candidates.data.length / rows;
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < each; j++) {
          const index = first + candidates.data[i * each + j]!;
          if (exclude?.(start + i) === index) continue;
          found[i]!.push({ index, distance: distance(queries, start + i, references, index) });
        }
      }
    }
    for (let i = 0; i < rows; i++) {
      found[i]!.sort((a, b) => a.distance - b.distance || a.index - b.index);
      for (let j = 0; j < k; j++) {
        indices[(start + i) * k + j] = found[i]![j]!.index;
        distances[(start + i) * k + j] = found[i]![j]!.distance;
      }
    }
  }
  return { k, indices, distances };
}

async function nearestInBlock(
  compiled: CompiledFunctions,
  queries: HostTensor,
  references: HostTensor,
  k: number,
): Promise<HostTensor> {
  const outputs = await compiled.run(
    `nearest ${k}`,
    ({ x, y }) => ({ indices: tf.topk(tf.neg(squaredDistances(x!, y!)), k).indices }),
    { x: queries, y: references },
  );
  return outputs.indices!;
}
