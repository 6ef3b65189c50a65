import { tf } from '@generatrix/export';
import type { Module } from '../../nn/module.ts';

/** Entries of each kernel's projection. */
const projection = 5;

/**
 * How close each example's features are to those of the whole batch (Salimans et al. 2016, section 3.2):
 *
 *   M_i = f(x_i) T,   o(x_i)_b = sum over j of exp(-|M_ib - M_jb|_1)
 *
 * [batch, features] to [batch, kernels]; each sum has the 1 of j = i. State: `name`, the tensor T as a matrix
 * [features, kernels * 5].
 */
export function minibatchCloseness(name: string, features: number, kernels: number): Module {
  // Projections of unit-scale features start a small distance apart, so that exp(-distance) is not yet 0.
  const scale = 1 / Math.sqrt(features * projection);
  const shape = [features, kernels * projection];
  return {
    specs: { [name]: { shape, initial: { distribution: 'normal', scale } } },
    apply: (state, x) => {
      const batch = x.shape[0]!;
      const m = tf.matMul(x as tf.Tensor2D, state[name] as tf.Tensor2D); // [batch, kernels * 5]
      const differences = tf.sub(
        tf.reshape(m, [batch, 1, kernels, projection]),
        tf.reshape(m, [1, batch, kernels, projection]),
      );
      const distance = tf.sum(tf.abs(differences), 3); // [batch, batch, kernels]
      return tf.sum(tf.exp(tf.neg(distance)), 1); // [batch, kernels]
    },
  };
}
