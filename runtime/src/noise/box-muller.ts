/**
 * The Box-Muller transform in operations that IEEE 754 rounds exactly (+, -, *, /, sqrt). The language leaves
 * `Math.log`, `Math.sin` and `Math.cos` to each engine, so a sample drawn with them could differ in its last bit
 * between two browsers; these cannot. The polynomials are Taylor series, long enough that the first term left out
 * is below 1e-17 of the sum.
 */

const fullTurn = 2 * Math.PI;

/** 2^-n for n = 0 .. 32, by exact halving: `**` is left to the engine, too. */
const powers = new Float64Array(33);
for (let n = 0, power = 1; n <= 32; n++, power /= 2) powers[n] = power;

/**
 * Natural logarithm of (word + 1/2) / 2^32, for an unsigned 32-bit word: the uniform number that the word stands
 * for. Relative error below 1e-15.
 */
export function logOfWord(word: number): number {
  // word + 1/2 = mantissa * 2^exponent with the mantissa in [1/2, 1), then moved to [sqrt(1/2), sqrt(2)).
  let exponent = 32 - Math.clz32(word);
  let mantissa = (word + 0.5) * powers[exponent]!;
  if (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent -= 1;
  }
  // log(mantissa) = 2 atanh(s), |s| < 0.172
  const s = (mantissa - 1) / (mantissa + 1);
  const q = s * s;
  let sum = 1 / 21;
  sum = sum * q + 1 / 19;
  sum = sum * q + 1 / 17;
  sum = sum * q + 1 / 15;
  sum = sum * q + 1 / 13;
  sum = sum * q + 1 / 11;
  sum = sum * q + 1 / 9;
  sum = sum * q + 1 / 7;
  sum = sum * q + 1 / 5;
  sum = sum * q + 1 / 3;
  return 2 * s + 2 * s * q * sum + (exponent - 32) * Math.LN2;
}

/**
 * Two independent standard normal numbers from two 32-bit words, written to `out[at]` and `out[at + 1]`: the
 * radius sqrt(-2 log u) from the first, the angle 2 pi v from the second (Box and Muller 1958). The largest
 * magnitude is sqrt(-2 log 2^-33) = 6.76.
 */
export function boxMuller(out: Float64Array, at: number, radiusWord: number, angleWord: number): void {
  const radius = Math.sqrt(-2 * logOfWord(radiusWord));
  // The nearest quarter turn is split off in integers, exactly: the rest is an angle in [-pi/4, pi/4).
  const quarter = (angleWord + 0x20000000) >>> 30;
  const rest = (angleWord - quarter * 0x40000000) | 0;
  const x = (rest / 2 ** 32) * fullTurn;
  const q = x * x;
  let sine = 1 / 355687428096000; // 17!
  sine = sine * q - 1 / 1307674368000;
  sine = sine * q + 1 / 6227020800;
  sine = sine * q - 1 / 39916800;
  sine = sine * q + 1 / 362880;
  sine = sine * q - 1 / 5040;
  sine = sine * q + 1 / 120;
  sine = sine * q - 1 / 6;
  sine = radius * (x + x * q * sine);
  let cosine = 1 / 20922789888000; // 16!
  cosine = cosine * q - 1 / 87178291200;
  cosine = cosine * q + 1 / 479001600;
  cosine = cosine * q - 1 / 3628800;
  cosine = cosine * q + 1 / 40320;
  cosine = cosine * q - 1 / 720;
  cosine = cosine * q + 1 / 24;
  cosine = cosine * q - 1 / 2;
  cosine = radius * (1 + q * cosine);
  const odd = (quarter & 1) === 1;
  const first = odd ? sine : cosine;
  const second = odd ? cosine : sine;
  out[at] = quarter === 1 || quarter === 2 ? -first : first;
  out[at + 1] = quarter >= 2 ? -second : second;
}
