import { fillNoise, hostTensor, sizeOf } from '@generatrix/runtime/core';
import type { HostState, Model } from '../families/family.ts';

/**
 * The state before the first step: each tensor from its own Philox stream, so that adding a parameter does not
 * change the others' values.
 */
export function initialState(model: Model, seed: number): HostState {
  const state: HostState = {};
  for (const [name, { shape, dtype = 'float32', initial }] of Object.entries(model.state)) {
    if (typeof initial === 'number') {
      state[name] = hostTensor(dtype, shape, new Array<number>(sizeOf(shape)).fill(initial));
      continue;
    }
    const { law, scale } = initial;
    const noise = fillNoise({ law, seed, stream: `init/${name}`, firstIndex: 0, count: 1, shape });
    // Uniform noise is on [0, 1); weights want it centred, on [-scale, scale).
    const values = noise.map((value) => scale * (law === 'uniform' ? 2 * value - 1 : value));
    state[name] = hostTensor(dtype, shape, values);
  }
  return state;
}

/** The first tensor that holds a NaN or an infinity, or null. */
export function firstNonFinite(state: HostState): string | null {
  for (const [name, { data }] of Object.entries(state)) {
    if (!data.every((value) => Number.isFinite(value))) return name;
  }
  return null;
}
