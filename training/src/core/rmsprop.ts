import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import { counted, mixed, slotSpecs } from './slots.ts';

/** Decay of the mean square, and what is added to its root. */
export interface RmspropOptions {
  readonly rho?: number | undefined;
  readonly epsilon?: number | undefined;
}

/** Slots of RMSProp: the mean square of gradients, and the count of updates. */
export function rmspropSpecs(parameters: StateSpecs, name = 'rmsprop'): StateSpecs {
  return slotSpecs(parameters, name, ['square']);
}

/**
 * One update of RMSProp (Tieleman and Hinton 2012, lecture 6.5):
 *
 *   v = rho v + (1 - rho) g^2,   theta = theta - rate g / (sqrt(v) + epsilon)
 *
 * without correction of the start, as in the lecture: the first steps are 1 / sqrt(1 - rho) times longer.
 */
export function rmsprop(
  state: NamedTensors,
  gradients: NamedTensors,
  learningRate: tf.Scalar,
  { rho = 0.9, epsilon = 1e-8 }: RmspropOptions = {},
  name = 'rmsprop',
): NamedTensors {
  const updated: NamedTensors = { [`${name}/count`]: counted(state, name) };
  for (const [parameter, gradient] of Object.entries(gradients)) {
    const square = mixed(tf.square(gradient), state[`${name}/square/${parameter}`]!, rho);
    updated[`${name}/square/${parameter}`] = square;
    const change = tf.div(tf.mul(learningRate, gradient), tf.add(tf.sqrt(square), epsilon));
    updated[parameter] = tf.sub(state[parameter]!, change);
  }
  return updated;
}
