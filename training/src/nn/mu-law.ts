import { tf } from '@generatrix/export';

/**
 * Index of the bin that a sample in [-1, 1] falls into after mu-law companding (ITU-T G.711; van den Oord et al. 2016,
 * section 2.2), with mu = levels - 1:
 *
 *   f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu),   index = floor((f(x) + 1) / 2 * mu + 1/2)
 *
 * Element by element, float32 whole numbers from 0 to levels - 1. Samples outside [-1, 1] count as -1 or 1.
 */
export function muLawIndex(x: tf.Tensor, levels: number): tf.Tensor {
  const mu = levels - 1;
  const clipped = tf.clipByValue(x, -1, 1);
  const companded = tf.mul(
    tf.sign(clipped),
    tf.mul(tf.log(tf.add(1, tf.mul(mu, tf.abs(clipped)))), 1 / Math.log(1 + mu)),
  );
  const scaled = tf.add(tf.mul(tf.add(companded, 1), mu / 2), 0.5);
  return tf.clipByValue(tf.floor(scaled), 0, mu);
}

/** The sample in [-1, 1] that stands for a bin: the inverse of f at 2 index / mu - 1. Element by element. */
export function muLawValue(index: tf.Tensor, levels: number): tf.Tensor {
  const mu = levels - 1;
  const companded = tf.sub(tf.mul(index, 2 / mu), 1);
  const size = tf.mul(tf.sub(tf.exp(tf.mul(tf.abs(companded), Math.log(1 + mu))), 1), 1 / mu);
  return tf.mul(tf.sign(companded), size);
}
