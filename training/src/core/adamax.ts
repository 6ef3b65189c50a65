import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import type { AdamOptions } from './adam.ts';
import { counted, mixed, slotSpecs } from './slots.ts';

/** Slots of AdaMax: the mean of gradients and their decaying maximum, and the count of updates. */
export function adamaxSpecs(parameters: StateSpecs, name = 'adamax'): StateSpecs {
  return slotSpecs(parameters, name, ['mean', 'maximum']);
}

/**
 * One update of AdaMax (Kingma and Ba 2015, algorithm 2):
 *
 *   m = beta1 m + (1 - beta1) g,   u = max(beta2 u, |g|),   theta = theta - rate / (1 - beta1^t) m / (u + epsilon)
 *
 * where the paper has no epsilon: a gradient that has always been 0 must not divide 0 by 0.
 */
export function adamax(
  state: NamedTensors,
  gradients: NamedTensors,
  learningRate: tf.Scalar,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions = {},
  name = 'adamax',
): NamedTensors {
  const count = counted(state, name);
  const rate = tf.div(learningRate, tf.sub(1, tf.pow(beta1, count)));
  const updated: NamedTensors = { [`${name}/count`]: count };
  for (const [parameter, gradient] of Object.entries(gradients)) {
    const mean = mixed(gradient, state[`${name}/mean/${parameter}`]!, beta1);
    const maximum = tf.maximum(tf.mul(beta2, state[`${name}/maximum/${parameter}`]!), tf.abs(gradient));
    updated[`${name}/mean/${parameter}`] = mean;
    updated[`${name}/maximum/${parameter}`] = maximum;
    const change = tf.div(tf.mul(rate, mean), tf.add(maximum, epsilon));
    updated[parameter] = tf.sub(state[parameter]!, change);
  }
  return updated;
}
