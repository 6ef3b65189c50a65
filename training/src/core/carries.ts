import type { NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, nextOf, type OutputSpec } from '@generatrix/runtime/core';

/** Tensors that a program hands from call to call, zeros at the first: name to shape, not counting the batch. */
export type CarryShapes = Readonly<Record<string, readonly number[]>>;

/** The inputs that take the carries. */
export function carryInputs(shapes: CarryShapes): Record<string, InputSpec> {
  return mapEntries(shapes, (name, shape) => [name, { dtype: 'float32', shape, role: 'carry', initial: 0 }]);
}

/** The outputs that return them for the next call. */
export function carryOutputs(shapes: CarryShapes): Record<string, OutputSpec> {
  return mapEntries(shapes, (name, shape) => [nextOf(name), { dtype: 'float32', shape, meaning: 'carry' }]);
}

/** The carries among a program's inputs. */
export function carriesAmong(shapes: CarryShapes, inputs: NamedTensors): NamedTensors {
  return mapEntries(shapes, (name) => [name, inputs[name]!]);
}

/** The carries as a program returns them. */
export function carriesOut(shapes: CarryShapes, carries: NamedTensors): NamedTensors {
  return mapEntries(shapes, (name) => [nextOf(name), carries[name]!]);
}

/** The carries of the first call. */
export function startCarries(
  shapes: CarryShapes,
  zeros: (shape: readonly number[]) => tf.Tensor,
): NamedTensors {
  return mapEntries(shapes, (name, shape) => [name, zeros(shape)]);
}

function mapEntries<T, U>(
  record: Readonly<Record<string, T>>,
  fn: (name: string, value: T) => [string, U],
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => fn(name, value)));
}
