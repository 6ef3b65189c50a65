import { type NamedTensors, tf } from '@generatrix/export';
import { asKind, type HostState, type StateSpecs } from '../../model/state.ts';

/** Slots of the mean over all past values of these parameters; none when the weight is 0. */
export function historySpecs(parameters: StateSpecs, weight: number): StateSpecs {
  if (weight === 0) return {};
  const means = Object.entries(parameters).map(([name, { shape }]) => [
    `history/${name}`,
    { shape, initial: 0 },
  ]);
  return asKind('slot', {
    'history/count': { shape: [], initial: 1 },
    ...(Object.fromEntries(means) as StateSpecs),
  });
}

/** A fresh state whose history is the parameters' first values. */
export function startHistory(state: HostState, parameters: StateSpecs, weight: number): HostState {
  if (weight === 0) return state;
  const copies = Object.keys(parameters).map((name) => [`history/${name}`, state[name]!]);
  return { ...state, ...(Object.fromEntries(copies) as HostState) };
}

/**
 * Gradients with that of historical averaging added (Salimans et al. 2016, section 3.3): weight * |theta - mean of
 * the past theta|^2 has gradient 2 weight (theta - mean).
 */
export function pulledToHistory(state: NamedTensors, gradients: NamedTensors, weight: number): NamedTensors {
  if (weight === 0) return gradients;
  return Object.fromEntries(
    Object.entries(gradients).map(([name, gradient]) => {
      const away = tf.sub(state[name]!, state[`history/${name}`]!);
      return [name, tf.add(gradient, tf.mul(2 * weight, away))];
    }),
  );
}

/** The slots after an update: mean_n = mean_(n-1) + (theta_n - mean_(n-1)) / n. */
export function recordHistory(state: NamedTensors, parameters: StateSpecs, weight: number): NamedTensors {
  if (weight === 0) return {};
  const count = tf.add(state['history/count']!, 1);
  const updated: NamedTensors = { 'history/count': count };
  for (const name of Object.keys(parameters)) {
    const mean = state[`history/${name}`]!;
    updated[`history/${name}`] = tf.add(mean, tf.div(tf.sub(state[name]!, mean), count));
  }
  return updated;
}
