import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import { counted, mixed, slotSpecs } from './slots.ts';

/** Decay rates and guard of Adam and AdaMax; the defaults are the paper's. */
export interface AdamOptions {
  readonly beta1?: number | undefined;
  readonly beta2?: number | undefined;
  readonly epsilon?: number | undefined;
}

/** Slots that Adam adds to the state for these parameters: two moments each, and the count of updates. */
export function adamSpecs(parameters: StateSpecs, name = 'adam'): StateSpecs {
  return slotSpecs(parameters, name, ['mean', 'variance']);
}

/**
 * One update of Adam (Kingma and Ba 2015, algorithm 1, with the bias corrections folded into the step size as at
 * the end of its section 2). Pure: returns the new parameters and slots.
 * @param gradients the gradient of each parameter to update, by name.
 */
export function adam(
  state: NamedTensors,
  gradients: NamedTensors,
  learningRate: tf.Scalar,
  options: AdamOptions = {},
  name = 'adam',
): NamedTensors {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  const count = counted(state, name);
  const correction1 = tf.sub(1, tf.pow(beta1, count));
  const correction2 = tf.sqrt(tf.sub(1, tf.pow(beta2, count)));
  const rate = tf.mul(learningRate, tf.div(correction2, correction1));
  const guard = tf.mul(epsilon, correction2);
  const updated: NamedTensors = { [`${name}/count`]: count };
  for (const [parameter, gradient] of Object.entries(gradients)) {
    const mean = mixed(gradient, state[`${name}/mean/${parameter}`]!, beta1);
    const variance = mixed(tf.square(gradient), state[`${name}/variance/${parameter}`]!, beta2);
    updated[`${name}/mean/${parameter}`] = mean;
    updated[`${name}/variance/${parameter}`] = variance;
    const change = tf.div(tf.mul(rate, mean), tf.add(tf.sqrt(variance), guard));
    updated[parameter] = tf.sub(state[parameter]!, change);
  }
  return updated;
}
