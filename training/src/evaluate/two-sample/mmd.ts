import { tf } from '@generatrix/export';
import { type HostTensor, hostTensor, permutation } from '@generatrix/runtime/core';
import type { CompiledFunctions } from '../compiled-functions.ts';
import { squaredDistances } from '../nearest.ts';
import { centredBlock, choose, columnMeans, distance, pick, type Rows, stack } from '../rows.ts';
import { median, standardDeviation } from '../statistics.ts';

export interface MmdResult {
  /** Unbiased estimate of MMD^2; may be a little below 0. */
  readonly squared: number;
  /** Share of permutations, this one among them, with a statistic at least as large. */
  readonly pValue: number;
  /** Standard deviation of the statistic over the permutations. */
  readonly deviation: number;
  /** sigma of the kernel exp(-|x - y|^2 / (2 sigma^2)). */
  readonly bandwidth: number;
  /** Examples of each side. */
  readonly count: number;
}

export interface MmdOptions {
  readonly seed: number;
  /** 400 when absent. */
  readonly permutations?: number;
  /** The median distance between examples of both sides together when absent. */
  readonly bandwidth?: number;
}

const rowsInBlock = 500;
/** Examples whose distances the median is taken over. */
const medianExamples = 500;

/**
 * Two-sample test by the maximum mean discrepancy with a Gaussian kernel (Gretton et al. 2012, JMLR 13, eq. 3):
 *
 *   MMD^2 = 1/(n (n-1)) sum_{i != j} (k(x_i, x_j) + k(y_i, y_j)) - 2/n^2 sum_{i, j} k(x_i, y_j)
 *
 * unbiased, for n examples of each side. The bandwidth is the median distance (there, section 8); the p-value comes
 * from permuting which side an example belongs to, which is exact at any size. The kernel matrix is never held
 * whole: with s = +1 for one side and -1 for the other, all permutations at once need only s' K s, block by block.
 * @param x [n, width], as many as y
 * @throws when the sides differ in size or have fewer than two examples.
 */
export async function mmd(
  compiled: CompiledFunctions,
  x: Rows,
  y: Rows,
  { seed, permutations = 400, bandwidth }: MmdOptions,
): Promise<MmdResult> {
  const n = x.count;
  if (n !== y.count || n < 2)
    throw new Error(`mmd: expected equal sides of at least 2, got ${n} and ${y.count}`);
  const pooled = stack(x, y);
  const centre = columnMeans(pooled);
  const sigma = bandwidth ?? medianDistance(pooled, seed);
  const signs = signMatrix(n, permutations, seed);
  const columns = permutations + 2;
  const rate = hostTensor('float32', [], [1 / (2 * sigma * sigma)]);
  const all = centredBlock(pooled, centre, 0, pooled.count);
  const sums = new Float64Array(columns);
  for (let start = 0; start < pooled.count; start += rowsInBlock) {
    const rows = Math.min(rowsInBlock, pooled.count - start);
    const own = hostTensor(
      'float32',
      [rows, columns],
      signs.data.subarray(start * columns, (start + rows) * columns),
    );
    const { forms } = await compiled.run('mmd', quadraticForms, {
      x: centredBlock(pooled, centre, start, rows),
      all,
      own,
      signs,
      rate,
    });
    for (let j = 0; j < columns; j++) sums[j]! += forms!.data[j]!;
  }
  // Column 0 is all ones: the sum of the whole matrix. From it and s'Ks follow the sums within and across the sides.
  const total = sums[0]!;
  const estimate = (form: number) =>
    ((total + form) / 2 - 2 * n) / (n * (n - 1)) - (total - form) / (2 * n * n);
  const squared = estimate(sums[1]!);
  const permuted = Array.from(sums.subarray(2), estimate);
  const atLeast = 1 + permuted.filter((value) => value >= squared).length;
  const pValue = atLeast / (permutations + 1);
  return { squared, pValue, deviation: standardDeviation(permuted), bandwidth: sigma, count: n };
}

/** s' K s of this block of rows for every column s of signs: [columns]. */
function quadraticForms({ x, all, own, signs, rate }: Record<string, tf.Tensor>): Record<string, tf.Tensor> {
  const kernel = tf.exp(tf.neg(tf.mul(squaredDistances(x!, all!), rate!))); // [rows, 2n]
  return { forms: tf.sum(tf.mul(own!, tf.matMul(kernel as tf.Tensor2D, signs as tf.Tensor2D)), 0) };
}

/** [2n, permutations + 2]: ones, the sides as they are, and random sides. */
function signMatrix(n: number, permutations: number, seed: number): HostTensor {
  const columns = permutations + 2;
  const signs = new Float32Array(2 * n * columns).fill(1);
  for (let j = 1; j < columns; j++) {
    const order = j === 1 ? null : permutation(seed, `mmd/${j}`, 2 * n);
    for (let i = n; i < 2 * n; i++) signs[(order === null ? i : order[i]!) * columns + j] = -1;
  }
  return hostTensor('float32', [2 * n, columns], signs);
}

function medianDistance(pooled: Rows, seed: number): number {
  const some = pick(pooled, choose(pooled.count, medianExamples, seed, 'mmd/median'));
  const distances: number[] = [];
  for (let i = 0; i < some.count; i++) for (let j = 0; j < i; j++) distances.push(distance(some, i, some, j));
  return median(distances) || 1;
}
