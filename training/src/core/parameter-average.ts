import { type NamedTensors, tf } from '@generatrix/export';
import { asKind, type HostState, type StateSpecs } from '../model/state.ts';

const prefix = 'average';

/** Slots that the running mean of the parameters adds to the state; none when the decay is 0. */
export function averageSpecs(parameters: StateSpecs, decay: number): StateSpecs {
  if (decay === 0) return {};
  const slots: StateSpecs = { [`${prefix}/count`]: { shape: [], initial: 0 } };
  for (const [name, { shape }] of Object.entries(parameters)) {
    slots[`${prefix}/${name}`] = { shape, initial: 0 };
  }
  return asKind('slot', slots);
}

/**
 * One update of the exponential moving average of the parameters (Polyak and Juditsky 1992 average all of them; the
 * exponential weights forget the start). Given the state after the optimizer's update, returns the new slots. The
 * weight of the old mean is min(decay, n / (n + 10)) after n updates (0 at the first), so the start soon leaves no trace.
 */
export function average(state: NamedTensors, parameters: StateSpecs, decay: number): NamedTensors {
  if (decay === 0) return {};
  const count = state[`${prefix}/count`]!;
  const keep = tf.minimum(decay, tf.div(count, tf.add(count, 10)));
  const updated: NamedTensors = { [`${prefix}/count`]: tf.add(count, 1) };
  for (const name of Object.keys(parameters)) {
    const mean = state[`${prefix}/${name}`]!;
    updated[`${prefix}/${name}`] = tf.add(mean, tf.mul(tf.sub(1, keep), tf.sub(state[name]!, mean)));
  }
  return updated;
}

/** The state with the averaged parameters in place of the last ones. */
export function averaged(state: NamedTensors, parameters: StateSpecs, decay: number): NamedTensors {
  if (decay === 0) return state;
  const replaced = Object.keys(parameters).map((name) => [name, state[`${prefix}/${name}`]!]);
  return { ...state, ...Object.fromEntries(replaced) };
}

/** A parameter as programs use it: its running mean, where the state has one. */
export function usedParameter(state: HostState, name: string): HostState[string] | undefined {
  return state[`${prefix}/${name}`] ?? state[name];
}

/** A state with the running means in place of the parameters that have one. */
export function usedParameters(state: NamedTensors, parameters: StateSpecs): NamedTensors {
  const used = Object.keys(parameters).map((name) => [name, state[`${prefix}/${name}`] ?? state[name]!]);
  return { ...state, ...Object.fromEntries(used) };
}

/** A fresh state whose averages start at the parameters themselves. */
export function startAverages(state: HostState, parameters: StateSpecs, decay: number): HostState {
  if (decay === 0) return state;
  const copies = Object.keys(parameters).map((name) => [`${prefix}/${name}`, state[name]!]);
  return { ...state, ...Object.fromEntries(copies) };
}
