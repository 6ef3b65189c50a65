import { type NamedTensors, tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../../model/state.ts';
import { madeUp } from '../../testing/module-check.ts';

/** A state of numbers of the size of `strength` everywhere, so that nothing is near its start. */
export function strongState(specs: StateSpecs, strength = 1): NamedTensors {
  return Object.fromEntries(
    Object.entries(specs).map(([name, { shape }], i) => [
      name,
      tf.mul(strength, tf.tensor(madeUp(sizeOf(shape), i), [...shape])),
    ]),
  );
}
