import { tf } from '@generatrix/export';
import { sumExamples } from '../../nn/distributions.ts';

/**
 * Gradient penalty (Gulrajani et al. 2017, eq. 3): the mean of (|grad_x critic(x)| - 1)^2 over the points. It is
 * itself differentiable in the critic's parameters.
 * @param critic [batch, ...] to [batch], each output a function of its own example alone
 * @param points [batch, ...], on the lines between examples and samples
 */
export function gradientPenalty(critic: (x: tf.Tensor) => tf.Tensor, points: tf.Tensor): tf.Scalar {
  const gradient = tf.grad((x: tf.Tensor) => tf.sum(critic(x)))(points);
  // The root has no derivative at 0, where a dead critic's gradient is.
  const norm = tf.sqrt(tf.add(sumExamples(tf.square(gradient)), 1e-12)); // [batch]
  return tf.mean(tf.square(tf.sub(norm, 1)));
}

/** Points on the lines between examples and samples: share * real + (1 - share) * fake, share [batch] in [0, 1). */
export function between(real: tf.Tensor, fake: tf.Tensor, share: tf.Tensor): tf.Tensor {
  const weight = tf.reshape(share, [share.shape[0]!, ...real.shape.slice(1).map(() => 1)]);
  return tf.add(fake, tf.mul(weight, tf.sub(real, fake)));
}
