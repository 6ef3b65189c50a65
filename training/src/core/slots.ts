import { type NamedTensors, tf } from '@generatrix/export';
import { asKind, type StateSpecs } from '../model/state.ts';

/** Slots of an optimizer: `NAME/count`, and for every parameter one of its shape under each of these, all zero at first. */
export function slotSpecs(parameters: StateSpecs, name: string, each: readonly string[]): StateSpecs {
  const slots: StateSpecs = { [`${name}/count`]: { shape: [], initial: 0 } };
  for (const [parameter, { shape }] of Object.entries(parameters)) {
    for (const slot of each) slots[`${name}/${slot}/${parameter}`] = { shape, initial: 0 };
  }
  return asKind('slot', slots);
}

/** The number of updates with this one. */
export function counted(state: NamedTensors, name: string): tf.Scalar {
  return tf.add(state[`${name}/count`]!, 1);
}

/** decay * old + (1 - decay) * fresh */
export function mixed(fresh: tf.Tensor, old: tf.Tensor, decay: number): tf.Tensor {
  return tf.add(tf.mul(old, decay), tf.mul(fresh, 1 - decay));
}
