import { tf } from '@generatrix/export';
import { binarise } from '../../nn/distributions.ts';
import { type Bipartite, type GibbsNoise, hiddenInputs } from './bipartite.ts';

/**
 * Distributions f_b(v) / Z_b of visible units on the way from one whose Z_0 is known (b = 0) to a machine (b = 1), as
 * annealing and tempering go it. Inverse temperatures are scalars or one for each example, [batch, 1].
 */
export interface AnnealedPath {
  /** log Z_0, nats: a scalar. */
  readonly baseLogPartition: tf.Tensor;
  /** Draws of the distribution of 0 by noise of visible units [batch, V]. */
  readonly start: (noise: tf.Tensor) => tf.Tensor;
  /** A block Gibbs step that leaves the distribution of `at` as it is: h ~ p(h | v), v ~ p(v | h). [batch, V] to [batch, V]. */
  readonly step: (v: tf.Tensor, at: tf.Tensor, noise: GibbsNoise) => tf.Tensor;
  /** log f_after(v) - log f_before(v), nats, unit by unit so that little is lost to rounding: [batch, V] to [batch, 1]. */
  readonly logRatio: (v: tf.Tensor, before: tf.Tensor, after: tf.Tensor) => tf.Tensor;
}

/**
 * The way to a machine of binary units from independent ones (Salakhutdinov and Murray 2008, section 4.1):
 *
 *   f_b(v) = exp((1 - b) a v + b (visible bias) v) prod_j (1 + exp(b (c_j + v W_j))),   Z_0 = 2^H prod_i (1 + exp(a_i))
 *
 * @param odds log odds a of the independent units, [V]
 */
export function binaryPath(machine: Bipartite, odds: tf.Tensor): AnnealedPath {
  const { weights, visibleBias, hiddenBias } = machine;
  return {
    baseLogPartition: tf.add(tf.sum(tf.softplus(odds)), hiddenBias.shape[0]! * Math.LN2),
    start: (noise) => binarise(tf.sigmoid(odds), noise),
    step: (v, at, noise) => {
      const h = binarise(tf.sigmoid(tf.mul(at, hiddenInputs(machine, v))), noise.hidden) as tf.Tensor2D;
      const model = tf.add(tf.matMul(h, weights as tf.Tensor2D, false, true), visibleBias);
      const inputs = tf.add(tf.mul(tf.sub(1, at), odds), tf.mul(at, model));
      return binarise(tf.sigmoid(inputs), noise.visible);
    },
    logRatio: (v, before, after) => {
      const inputs = hiddenInputs(machine, v); // [batch, H]
      const rise = tf.sub(tf.softplus(tf.mul(after, inputs)), tf.softplus(tf.mul(before, inputs)));
      const visible = tf.sum(tf.mul(v, tf.sub(visibleBias, odds)), 1, true);
      return tf.add(tf.sum(rise, 1, true), tf.mul(tf.sub(after, before), visible));
    },
  };
}
