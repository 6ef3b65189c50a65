import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';

/** Entries of each kernel's projection. */
const projection = 5;

/** Parameters of `minibatchCloseness`: a tensor T as a matrix [features, kernels * 5]. */
export function minibatchSpecs(name: string, features: number, kernels: number): StateSpecs {
  // Projections of unit-scale features start a small distance apart, so that exp(-distance) is not yet 0.
  const scale = 1 / Math.sqrt(features * projection);
  return { [name]: { shape: [features, kernels * projection], initial: { distribution: 'normal', scale } } };
}

/**
 * How close each example's features are to those of the whole batch (Salimans et al. 2016, section 3.2):
 *
 *   M_i = f(x_i) T,   o(x_i)_b = sum over j of exp(-|M_ib - M_jb|_1)
 *
 * [batch, features] to [batch, kernels]; each sum has the 1 of j = i.
 */
export function minibatchCloseness(state: NamedTensors, name: string, features: tf.Tensor): tf.Tensor2D {
  const batch = features.shape[0]!;
  const matrix = state[name] as tf.Tensor2D;
  const kernels = matrix.shape[1] / projection;
  const m = tf.matMul(features as tf.Tensor2D, matrix); // [batch, kernels * 5]
  const differences = tf.sub(
    tf.reshape(m, [batch, 1, kernels, projection]),
    tf.reshape(m, [1, batch, kernels, projection]),
  );
  const distance = tf.sum(tf.abs(differences), 3); // [batch, batch, kernels]
  return tf.sum(tf.exp(tf.neg(distance)), 1) as tf.Tensor2D; // [batch, kernels]
}
