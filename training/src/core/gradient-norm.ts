import { type NamedTensors, tf } from '@generatrix/export';

/** Length of all gradients read as one vector. */
export function gradientNorm(gradients: NamedTensors): tf.Scalar {
  return tf.sqrt(tf.addN(Object.values(gradients).map((gradient) => tf.sum(tf.square(gradient)))));
}

/**
 * The gradients divided by max(1, norm / limit), with the norm of all of them together: their direction is kept
 * (Pascanu et al. 2013, algorithm 1).
 * @param limit the largest norm that is left as it is, positive
 */
export function clipByNorm(gradients: NamedTensors, limit: number): NamedTensors {
  const excess = tf.maximum(tf.div(gradientNorm(gradients), limit), 1);
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => [name, tf.div(gradient, excess)]),
  );
}
