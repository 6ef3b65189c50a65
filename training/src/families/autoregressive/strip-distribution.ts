import { tf } from '@generatrix/export';
import { categoricalLogProb } from '../../nn/categorical.ts';
import { type Bounds, bernoulliBounds, bernoulliDraw } from '../../nn/inversion.ts';
import type { PixelDistribution } from './pixel-distribution.ts';

/**
 * The joint distribution of binary pixels side by side, in the place of the channels of one pixel: a softmax over all
 * 2^n strips, the first pixel the highest bit of a strip's number. Pixels are drawn one after the other, each from its
 * conditional probability given those before it in the strip, by one uniform number each. The temperature divides the
 * logits.
 * @param pixels of a strip, n
 */
export function stripDistribution(pixels: number): PixelDistribution {
  const strips = 2 ** pixels;

  /**
   * Draws pixel after pixel. @param given values that each pixel goes on from, [batch, n]; what is drawn when absent
   * @returns of each pixel the value and the bounds of its noise, [batch] each
   */
  const chain = (parameters: tf.Tensor, uniform: tf.Tensor, temperature: tf.Tensor, given?: tf.Tensor) => {
    const uniforms = tf.unstack(uniform, 1);
    const known = given === undefined ? [] : tf.unstack(given, 1);
    const one = tf.scalar(1);
    let left = tf.div(parameters, temperature); // logits of the strips that begin like this: [batch, 2^(pixels left)]
    return uniforms.map((noise, i) => {
      const [zero, set] = tf.split(left, 2, 1) as [tf.Tensor, tf.Tensor];
      const logits = tf.sub(tf.logSumExp(set, 1), tf.logSumExp(zero, 1)); // [batch]
      const value = bernoulliDraw(logits, noise, one);
      const bit = tf.expandDims(known[i] ?? value, 1);
      left = tf.add(zero, tf.mul(bit, tf.sub(set, zero)));
      return { value, bounds: (): Bounds => bernoulliBounds(logits, value, one), logits };
    });
  };
  return {
    channels: pixels,
    width: strips,
    noise: { uniform: 'uniform' },
    logProb: (x, parameters) => {
      const places = tf.tensor1d(Array.from({ length: pixels }, (_, i) => 2 ** (pixels - 1 - i)));
      const number = tf.sum(tf.mul(x, places), x.rank - 1); // [batch, P]
      const flat = tf.reshape(parameters, [-1, strips]) as tf.Tensor2D;
      return tf.reshape(categoricalLogProb(flat, tf.reshape(number, [-1])), number.shape);
    },
    draw: (parameters, { uniform }, temperature) =>
      tf.stack(
        chain(parameters, uniform!, temperature).map(({ value }) => value),
        1,
      ),
    forced: (parameters, { uniform }, temperature, given) => {
      const drawn = chain(parameters, uniform!, temperature, given);
      const bounds = drawn.map((each) => each.bounds());
      const columns = (parts: tf.Tensor[]) => tf.stack(parts, 1);
      return {
        value: columns(drawn.map(({ value }) => value)),
        bounds: {
          uniform: {
            lower: columns(bounds.map(({ lower }) => lower)),
            upper: columns(bounds.map(({ upper }) => upper)),
            logits: tf.mul(temperature, columns(drawn.map(({ logits }) => logits))),
          },
        },
      };
    },
  };
}
