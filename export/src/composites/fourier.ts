import { tf } from '../tf.ts';

/** A complex tensor as its real and imaginary parts, of one shape. */
export interface ComplexPair {
  readonly real: tf.Tensor;
  readonly imag: tf.Tensor;
}

/** Transforms of at most this length are one matrix product; longer ones are split where their length allows. */
const direct = 64;

/**
 * The discrete Fourier transform along the last axis, X[k] = sum over j of x[j] exp(-2 pi i j k / n); the inverse has
 * the other sign and is divided by n. It is made of matrix products (and twiddle factors between them for lengths
 * that factor: Bailey, FFTs in external or hierarchical memory, 1990), so that it runs wherever those do and tfjs
 * differentiates through it, which it does not through `tf.spectral.fft`.
 * @param x float32 parts of shape [..., n]
 * @returns parts of the same shape
 */
export function fourierTransform(x: ComplexPair, { inverse = false } = {}): ComplexPair {
  const { shape } = x.real;
  const n = shape.at(-1);
  if (n === undefined || n === 0) {
    throw new Error(
      `fourierTransform: expected at least one value along the last axis, got shape [${shape}]`,
    );
  }
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  const flat = (part: tf.Tensor) => tf.reshape(part, [rows, n]);
  const result = transformed({ real: flat(x.real), imag: flat(x.imag) }, inverse ? 1 : -1);
  const shaped = (part: tf.Tensor) => tf.reshape(inverse ? tf.div(part, n) : part, shape);
  return { real: shaped(result.real), imag: shaped(result.imag) };
}

/** Rows of shape [rows, n], with exp(sign 2 pi i / n) as the root of unity. */
function transformed(x: ComplexPair, sign: 1 | -1): ComplexPair {
  const [rows, n] = x.real.shape as [number, number];
  const a = n <= direct ? n : nearRoot(n);
  if (a === n || a === 1) return timesRoots(x, sign);
  const b = n / a;
  // j = j1 b + j2 and k = k1 + a k2.
  const inner = transformed(
    map(x, (part) => swapped(part, rows, a, b)),
    sign,
  ); // [rows * b, a], k1 within j2
  const turned = twiddled(
    map(inner, (part) => tf.reshape(part, [rows, b, a])),
    roots(n, b, a, sign),
  );
  const outer = transformed(
    map(turned, (part) => swapped(part, rows, b, a)),
    sign,
  ); // [rows * a, b], k2 within k1
  return map(outer, (part) => tf.reshape(swapped(part, rows, a, b), [rows, n]));
}

function timesRoots({ real, imag }: ComplexPair, sign: 1 | -1): ComplexPair {
  const n = real.shape[1]!;
  const { real: cos, imag: sin } = roots(n, n, n, sign);
  const product = (part: tf.Tensor, matrix: tf.Tensor) => tf.matMul(part as tf.Tensor2D, matrix);
  return {
    real: tf.sub(product(real, cos), product(imag, sin)),
    imag: tf.add(product(real, sin), product(imag, cos)),
  };
}

function twiddled({ real, imag }: ComplexPair, by: ComplexPair): ComplexPair {
  return {
    real: tf.sub(tf.mul(real, by.real), tf.mul(imag, by.imag)),
    imag: tf.add(tf.mul(real, by.imag), tf.mul(imag, by.real)),
  };
}

/** exp(sign 2 pi i j k / n) for j below `rows` and k below `columns`. */
function roots(n: number, rows: number, columns: number, sign: 1 | -1): ComplexPair {
  const angle = (place: number) => {
    const turns = (Math.floor(place / columns) * (place % columns)) % n;
    return (sign * 2 * Math.PI * turns) / n;
  };
  const table = (value: (angle: number) => number) =>
    tf.tensor(
      Float32Array.from({ length: rows * columns }, (_, i) => value(angle(i))),
      [rows, columns],
    );
  return { real: table(Math.cos), imag: table(Math.sin) };
}

/** [rows, first * second] as [rows * second, first]: the two indices exchanged. */
function swapped(x: tf.Tensor, rows: number, first: number, second: number): tf.Tensor {
  return tf.reshape(tf.transpose(tf.reshape(x, [rows, first, second]), [0, 2, 1]), [rows * second, first]);
}

function map({ real, imag }: ComplexPair, change: (part: tf.Tensor) => tf.Tensor): ComplexPair {
  return { real: change(real), imag: change(imag) };
}

/** The largest divisor that is not above the square root. */
function nearRoot(n: number): number {
  for (let divisor = Math.floor(Math.sqrt(n)); divisor > 1; divisor--) {
    if (n % divisor === 0) return divisor;
  }
  return 1;
}
