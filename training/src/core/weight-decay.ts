import { type NamedTensors, tf } from '@generatrix/export';

/**
 * Parameters after an update with a share of what they were before it taken off, apart from the gradient (Loshchilov and
 * Hutter 2019, algorithm 2, line 12, with the schedule's factor in the rate): theta - rate * decay * theta before. Only
 * tensors of two and more dimensions decay: kernels and embeddings, not biases, scales and offsets.
 * @param before the state before the update
 * @param updated new values by name; those that `names` does not list are returned as they are
 * @param names the parameters that were updated
 */
export function decayed(
  before: NamedTensors,
  updated: NamedTensors,
  names: readonly string[],
  learningRate: tf.Scalar,
  decay: number,
): NamedTensors {
  if (decay === 0) return updated;
  const share = tf.mul(learningRate, decay);
  const kernels = names.filter((name) => before[name]!.rank >= 2);
  const shrunk = kernels.map((name) => [name, tf.sub(updated[name]!, tf.mul(share, before[name]!))]);
  return { ...updated, ...Object.fromEntries(shrunk) };
}
