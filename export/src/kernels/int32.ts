/** What float32 values become as int32, the same in every runtime. */

/** The smallest int32, which float32 holds exactly. */
export const smallestInt32 = -(2 ** 31);
/** The largest float32 that is an int32; the next one, 2^31, is not. */
export const largestInt32Float = 2 ** 31 - 128;

/**
 * A float32 as int32: truncated towards 0, values outside the range of int32 at its nearest end that a float32 can
 * hold, NaN as 0. (WGSL and Rust convert so; JavaScript takes the value modulo 2^32, and in C++ it is undefined.)
 */
export function toInt32(value: number): number {
  if (Number.isNaN(value)) return 0;
  return Math.trunc(Math.min(Math.max(value, smallestInt32), largestInt32Float));
}
