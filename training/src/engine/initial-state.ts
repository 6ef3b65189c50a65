import { drawInitialState } from '@generatrix/runtime/core';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';

/** The state before the first step, drawn from the seed. */
export function initialState(model: Model, seed: number): HostState {
  return drawInitialState(model.state, seed);
}

/** The first tensor that holds a NaN or an infinity, or null. */
export function firstNonFinite(state: HostState): string | null {
  for (const [name, { data }] of Object.entries(state)) {
    if (!data.every((value) => Number.isFinite(value))) return name;
  }
  return null;
}
