import { tf } from '@generatrix/export';
import { type Initial, normal } from './initial-values.ts';
import type { Module } from './module.ts';

/**
 * A learned vector for each of `count` things: int32 indices [batch, ...] to [batch, ..., width]. State: `name/table`
 * [count, width], normal with deviation 0.02 when nothing is said (as GPT-2 has it).
 */
export function embedding(
  name: string,
  count: number,
  width: number,
  initial: Initial = normal(0.02),
): Module {
  const table = `${name}/table`;
  return {
    specs: { [table]: { shape: [count, width], initial: initial({ in: 1, out: width }) } },
    apply: (state, index) => tf.gather(state[table]!, index),
  };
}

/**
 * Adds a learned array to every example: [batch, ...shape] to the same, so that layers that treat all positions alike
 * can tell them apart. State: `name/positions` of the shape given.
 */
export function learnedPositions(
  name: string,
  shape: readonly number[],
  initial: Initial = normal(0.02),
): Module {
  const positions = `${name}/positions`;
  return {
    specs: { [positions]: { shape, initial: initial({ in: 1, out: 1 }) } },
    apply: (state, x) => tf.add(x, state[positions]!),
  };
}
