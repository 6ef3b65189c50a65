import { tf } from '@generatrix/export';

/**
 * Sines and cosines of a number, with angular frequencies in geometric progression from `fastest` to `slowest`:
 * [n] to [n, 2 * half], sines first (Vaswani et al. 2017, section 3.5, in the order of Ho et al. 2020's code, which for
 * times in [0, 1] counts 1,000 steps: from 1,000 down to 0.1).
 * @throws Error when there are fewer than 2 frequencies.
 */
export function sinusoids(
  x: tf.Tensor,
  half: number,
  { fastest, slowest }: { readonly fastest: number; readonly slowest: number },
): tf.Tensor2D {
  if (half < 2) throw new Error(`sinusoids: expected at least 2 frequencies, got ${half}`);
  const ratio = slowest / fastest;
  const frequencies = Array.from({ length: half }, (_, i) => fastest * ratio ** (i / (half - 1)));
  const angles = tf.mul(tf.reshape(x, [-1, 1]), tf.tensor2d(frequencies, [1, half])); // [n, half]
  return tf.concat([tf.sin(angles), tf.cos(angles)], 1) as tf.Tensor2D;
}
