import { tf } from '@generatrix/export';

/**
 * Log-probability of each row's class under softmax(logits): [n, classes] and [n] whole numbers to [n]. Nats. Its
 * gradient, one-hot(class) - softmax(logits), is given here because the one of log-sum-exp takes more passes.
 */
export function categoricalLogProb(logits: tf.Tensor2D, index: tf.Tensor): tf.Tensor1D {
  const chosen = tf.oneHot(tf.cast(index, 'int32') as tf.Tensor1D, logits.shape[1]); // [n, classes]
  const scored = tf.customGrad((x, save) => {
    const scores = x as tf.Tensor2D;
    const shifted = tf.sub(scores, tf.max(scores, 1, true));
    const exponentials = tf.exp(shifted);
    const total = tf.sum(exponentials, 1, true); // [n, 1]
    const probabilities = tf.div(exponentials, total);
    (save as (tensors: tf.Tensor[]) => void)([probabilities, chosen]);
    const value = tf.sub(tf.sum(tf.mul(chosen, shifted), 1), tf.log(tf.reshape(total, [-1])));
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        tf.mul(tf.expandDims(dy, 1), tf.sub(saved[1]!, saved[0]!)),
    };
  });
  return scored(logits) as tf.Tensor1D;
}
