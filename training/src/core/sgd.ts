import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import { counted, slotSpecs } from './slots.ts';

/** Share of the last change that goes on; 0 for none. */
export interface SgdOptions {
  readonly momentum?: number | undefined;
}

/** Slots of gradient descent: the velocity where there is momentum, and the count of updates. */
export function sgdSpecs(
  parameters: StateSpecs,
  { momentum = 0 }: SgdOptions = {},
  name = 'sgd',
): StateSpecs {
  return slotSpecs(parameters, name, momentum === 0 ? [] : ['velocity']);
}

/**
 * One update of stochastic gradient descent with momentum (Polyak 1964, in the form of Sutskever et al. 2013, eq. 1
 * and 2, with the rate outside of the velocity, so that a schedule acts at once):
 *
 *   v = momentum v + g,   theta = theta - rate v
 */
export function sgd(
  state: NamedTensors,
  gradients: NamedTensors,
  learningRate: tf.Scalar,
  { momentum = 0 }: SgdOptions = {},
  name = 'sgd',
): NamedTensors {
  const updated: NamedTensors = { [`${name}/count`]: counted(state, name) };
  for (const [parameter, gradient] of Object.entries(gradients)) {
    const slot = `${name}/velocity/${parameter}`;
    const velocity = momentum === 0 ? gradient : tf.add(tf.mul(momentum, state[slot]!), gradient);
    if (momentum !== 0) updated[slot] = velocity;
    updated[parameter] = tf.sub(state[parameter]!, tf.mul(learningRate, velocity));
  }
  return updated;
}
