import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../files/atomic.ts';
import { realSplits } from '../real-splits.ts';
import type { Rows } from '../rows.ts';
import { frechetDistance, type Moments, symmetric } from './frechet.ts';

/** Eigenvalues make this the costliest of the splits. */
const splits = 200;
/** A side is made up of so many blocks of rows, whose sums are taken once. */
export const blocksPerSide = 20;

/** Rows of a side for pools of these sizes: whole blocks. @returns 0 when there are too few rows. */
export function frechetSide(half: number): number {
  return blocksPerSide * Math.floor(half / blocksPerSide);
}

/**
 * Fréchet distances of random splits of real examples, 200 of them, kept in a folder: they depend on the examples and
 * the classifier, not on the model.
 * @param pool features [n, width] of the examples that samples are compared with, in random order
 * @param other those of the other kind of real examples
 * @param side rows of a side, a multiple of 20
 * @param folder cache, which exists
 */
export async function realFrechetDistances(
  pool: Rows,
  other: Rows,
  side: number,
  folder: string,
): Promise<Float64Array> {
  const hash = createHash('sha256')
    .update(JSON.stringify([pool.count, other.count, pool.width, side, splits]))
    .update(pool.values)
    .update(other.values)
    .digest('hex');
  const path = join(folder, `real-splits-${hash.slice(0, 16)}.json`);
  const kept = await readFile(path, 'utf8').catch(() => null);
  if (kept !== null) return Float64Array.from(JSON.parse(kept) as number[]);
  const rows = side / blocksPerSide;
  const blocks = [...blockSums(pool, rows), ...blockSums(other, rows)];
  const sizes = [pool, other].map(({ count }) => Math.floor(count / rows));
  const options = { pool: sizes[0]!, other: sizes[1]!, size: blocksPerSide, splits };
  const distances: number[] = [];
  for (const { first, second } of realSplits(options)) {
    distances.push(frechetDistance(momentsOfBlocks(blocks, first), momentsOfBlocks(blocks, second)));
    if (distances.length % 10 === 0) await new Promise(setImmediate);
  }
  await writeFileAtomic(path, JSON.stringify(distances));
  return Float64Array.from(distances);
}

interface BlockSums {
  readonly count: number;
  readonly sums: Float64Array;
  /** [width, width], the lower half. */
  readonly products: Float64Array;
}

function blockSums({ count, width, values }: Rows, rows: number): BlockSums[] {
  return Array.from({ length: Math.floor(count / rows) }, (_, block) => {
    const sums = new Float64Array(width);
    const products = new Float64Array(width * width);
    for (let i = block * rows; i < (block + 1) * rows; i++) {
      for (let a = 0; a < width; a++) {
        const value = values[i * width + a]!;
        if (value === 0) continue;
        sums[a]! += value;
        for (let b = 0; b <= a; b++) products[a * width + b]! += value * values[i * width + b]!;
      }
    }
    return { count: rows, sums, products };
  });
}

/** Mean and covariance (with n - 1) of these blocks together. */
function momentsOfBlocks(blocks: readonly BlockSums[], chosen: Int32Array): Moments {
  const width = blocks[0]!.sums.length;
  const mean = new Float64Array(width);
  const products = new Float64Array(width * width);
  let count = 0;
  for (const index of chosen) {
    const block = blocks[index]!;
    count += block.count;
    for (let a = 0; a < width; a++) mean[a]! += block.sums[a]!;
    for (let at = 0; at < products.length; at++) products[at]! += block.products[at]!;
  }
  for (let a = 0; a < width; a++) mean[a]! /= count;
  const covariance = symmetric(
    width,
    (a, b) => (products[a * width + b]! - count * mean[a]! * mean[b]!) / (count - 1),
  );
  return { mean, covariance };
}
