import { tf } from '@generatrix/export';

/**
 * Rows with a 1 at the index, else 0: [n, depth] float32. TensorFlow.js's own refuses a depth of 1.
 * @param index [n] int32 in [0, depth)
 */
export function oneHot(index: tf.Tensor, depth: number): tf.Tensor2D {
  if (depth > 1) return tf.oneHot(index as tf.Tensor1D, depth, 1, 0, 'float32') as tf.Tensor2D;
  return tf.cast(tf.equal(tf.reshape(index, [-1, 1]), 0), 'float32') as tf.Tensor2D;
}
