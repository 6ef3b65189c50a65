import { type HostTensor, hostTensor, permutation, sizeOf } from '@generatrix/runtime/core';

/** Rows of values: `count` examples of `width` values each, whatever their shape was. */
export interface Rows {
  readonly count: number;
  readonly width: number;
  /** [count, width], row-major. */
  readonly values: Float32Array;
}

/** Examples [n, ...shape] as rows; the values are shared, not copied. */
export function rowsOf({ shape, data }: HostTensor): Rows {
  const width = sizeOf(shape.slice(1));
  return { count: shape[0]!, width, values: data as Float32Array };
}

/** Copies of the rows at these indices. */
export function pick({ width, values }: Rows, indices: ArrayLike<number>): Rows {
  const picked = new Float32Array(indices.length * width);
  for (let i = 0; i < indices.length; i++) {
    picked.set(values.subarray(indices[i]! * width, (indices[i]! + 1) * width), i * width);
  }
  return { count: indices.length, width, values: picked };
}

/** The rows of one, then those of the other. @throws when their widths differ. */
export function stack(first: Rows, second: Rows): Rows {
  if (first.width !== second.width)
    throw new Error(`rows of ${first.width} and ${second.width} values do not stack`);
  const values = new Float32Array(first.values.length + second.values.length);
  values.set(first.values);
  values.set(second.values, first.values.length);
  return { count: first.count + second.count, width: first.width, values };
}

/** The first `count` rows. */
export function head(rows: Rows, count: number): Rows {
  const kept = Math.min(count, rows.count);
  return { ...rows, count: kept, values: rows.values.subarray(0, kept * rows.width) };
}

/** `count` different whole numbers below `size`, in random order; all of them when there are no more. */
export function choose(size: number, count: number, seed: number, stream: string): Int32Array {
  return Int32Array.from(permutation(seed, stream, size).subarray(0, Math.min(count, size)));
}

/** Mean of each column. */
export function columnMeans({ count, width, values }: Rows): Float64Array {
  const means = new Float64Array(width);
  for (let i = 0; i < values.length; i++) means[i % width]! += values[i]! / count;
  return means;
}

/** `count` rows from `start` minus a centre, [count, width]: it keeps the float32 squares of distances small. */
export function centredBlock(
  { width, values }: Rows,
  centre: Float64Array,
  start: number,
  count: number,
): HostTensor {
  const moved = new Float32Array(count * width);
  for (let i = 0; i < moved.length; i++) moved[i] = values[start * width + i]! - centre[i % width]!;
  return hostTensor('float32', [count, width], moved);
}

/** Distance of two rows, accumulated in double precision. */
export function distance(a: Rows, i: number, b: Rows, j: number): number {
  let sum = 0;
  for (let k = 0; k < a.width; k++) {
    const difference = a.values[i * a.width + k]! - b.values[j * a.width + k]!;
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}
