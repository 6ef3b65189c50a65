/**
 * Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy
 * as 1, 2, 3" (SC 2011), section 3.3: a keyed bijection of 128-bit counters, so that any block of the sequence can
 * be computed by itself.
 */

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
/** Steps of the key schedule: the golden ratio and sqrt(3) - 1, as fractions of 2^32. */
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/**
 * The upper 32 bits of a product of unsigned 32-bit integers, as a signed one. Schoolbook multiplication in 16-bit
 * halves: no partial sum exceeds 2^32, so wrapping integer arithmetic loses nothing.
 */
function upperHalf(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = Math.imul(a1, b0) + (Math.imul(a0, b0) >>> 16);
  const middle = Math.imul(a0, b1) + (low & 0xffff);
  return (Math.imul(a1, b1) + (low >>> 16) + (middle >>> 16)) | 0;
}

/**
 * Writes the four unsigned 32-bit words of one block to `out[0..3]`.
 * @param c0 .. c3 counter words, least significant first; only their low 32 bits count
 * @param k0 , k1 key words, likewise
 */
export function philox4x32(
  out: Uint32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  let x0 = c0 | 0;
  let x1 = c1 | 0;
  let x2 = c2 | 0;
  let x3 = c3 | 0;
  let key0 = k0 | 0;
  let key1 = k1 | 0;
  for (let round = 0; round < rounds; round++) {
    const high0 = upperHalf(multiplier0, x0);
    const high1 = upperHalf(multiplier1, x2);
    const low0 = Math.imul(multiplier0, x0);
    const low1 = Math.imul(multiplier1, x2);
    x0 = high1 ^ x1 ^ key0;
    x1 = low1;
    x2 = high0 ^ x3 ^ key1;
    x3 = low0;
    key0 = (key0 + weyl0) | 0;
    key1 = (key1 + weyl1) | 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}
