import type { NamedTensors } from '@generatrix/export';
import type { Bipartite } from '../bipartite.ts';

/** Parameters of a restricted Boltzmann machine of V visible and H hidden units, by their names in the state. */
export const rbmNames = {
  weights: 'weights', // W [V, H]
  visibleBias: 'visible/bias', // b [V]
  hiddenBias: 'hidden/bias', // c [H]
} as const;

/** The machine that a state holds. */
export function rbmOf(state: NamedTensors): Bipartite {
  return {
    weights: state[rbmNames.weights]!,
    visibleBias: state[rbmNames.visibleBias]!,
    hiddenBias: state[rbmNames.hiddenBias]!,
  };
}
