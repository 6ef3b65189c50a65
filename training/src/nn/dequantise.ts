import { tf } from '@generatrix/export';
import { sumExamples } from './distributions.ts';

/** How values of the data set's range stand for whole levels 0 to levels - 1. */
export interface Quantisation {
  readonly range: readonly [number, number];
  /** 256 for 8-bit data. */
  readonly levels: number;
}

/**
 * Adds noise within each value's level k, in the unit interval: (k + u) / levels (Theis et al. 2016,
 * arXiv:1511.01844, section 3.1; Dinh et al. 2014, section 5.1). Values between two levels are rounded first.
 *
 * If v = k + u has density p, then P(k) = integral of p(k + u) du over [0, 1), so E_u[log p(k + u)] <= log P(k); in
 * terms of y = v / levels, log p(v) = log p(y) - dimensions * log(levels), which is `dequantisationLogDet`.
 * @param x values in `range`, any shape
 * @param noise uniform on [0, 1), of the same shape; 0.5 gives the middle of each level
 */
export function dequantise(
  x: tf.Tensor,
  noise: tf.Tensor | number,
  { range, levels }: Quantisation,
): tf.Tensor {
  const [low, high] = range;
  const level = tf.round(tf.mul(tf.sub(x, low), (levels - 1) / (high - low)));
  return tf.div(tf.add(tf.clipByValue(level, 0, levels - 1), noise), levels);
}

/** log |det| of an example's `dequantise`, from levels to the unit interval. Nats. */
export function dequantisationLogDet(dimensions: number, levels: number): number {
  return -dimensions * Math.log(levels);
}

/**
 * The data value of a point of the unit interval: the inverse of `dequantise` with noise 0.5, continuous, kept
 * within the range. Rounding it to the nearest level gives floor(y * levels).
 */
export function undequantise(y: tf.Tensor, { range, levels }: Quantisation): tf.Tensor {
  const [low, high] = range;
  const level = tf.sub(tf.mul(y, levels), 0.5);
  return tf.clipByValue(tf.add(tf.mul(level, (high - low) / (levels - 1)), low), low, high);
}

/**
 * y in [0, 1] to logit(alpha + (1 - 2 alpha) y), which has no borders (Dinh et al. 2017, section 4.1). The paper
 * prints alpha + (1 - alpha) y, which float32 may round to 1, where the logit is infinite; this form, which keeps
 * both ends off the border, is that of Papamakarios et al. 2017 (arXiv:1705.07057).
 * @returns the values, and each example's log |det| [batch], nats: sum of log(1 - 2 alpha) - log s - log(1 - s)
 */
export function borderedLogit(y: tf.Tensor, alpha: number): { y: tf.Tensor; logDet: tf.Tensor1D } {
  const s = tf.add(tf.mul(y, 1 - 2 * alpha), alpha);
  const [logS, logRest] = [tf.log(s), tf.log(tf.sub(1, s))];
  return {
    y: tf.sub(logS, logRest),
    logDet: sumExamples(tf.sub(Math.log(1 - 2 * alpha), tf.add(logS, logRest))),
  };
}

/** The inverse of `borderedLogit`; outside what it reaches, values below 0 and above 1 come out. */
export function borderedSigmoid(x: tf.Tensor, alpha: number): tf.Tensor {
  return tf.div(tf.sub(tf.sigmoid(x), alpha), 1 - 2 * alpha);
}
