import type { DType } from '@generatrix/runtime/core';
import { tf } from '../tf.ts';
import { TraceError } from './errors.ts';

/** Named tensors: how traced functions take and return them. */
export type NamedTensors = Record<string, tf.Tensor>;

/** A pure function of tensors: the same inputs give the same outputs, and nothing else changes. */
export type TensorFunction = (inputs: NamedTensors) => NamedTensors;

/** Type and concrete shape of a traced function's input. */
export interface TraceInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** @throws TraceError when an input's type or shape is none that a trace can have. */
export function requireInputs(inputs: Record<string, TraceInput>): void {
  for (const [name, { dtype, shape }] of Object.entries(inputs)) {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new TraceError(`input '${name}' has the type ${dtype}: expected float32, int32 or bool`);
    }
    const wrong = Array.isArray(shape) ? shape.find((dim) => !Number.isInteger(dim) || dim < 0) : shape;
    if (wrong === undefined && shape !== undefined) continue;
    const what = Array.isArray(shape) ? `[${shape.map(String).join(', ')}]` : String(shape);
    throw new TraceError(
      `input '${name}' has the shape ${what}: expected a list of whole numbers from 0 on; for a program that takes ` +
        "any number of examples, leave that dimension out and use traceBatched with 'batched: true'",
    );
  }
}

/**
 * What a traced function returned, as tensors by name.
 * @param whose begins the message: the function or body that returned it
 * @throws TraceError when it is anything else.
 */
export function requireTensors(returned: unknown, whose: () => string): NamedTensors {
  const cure = 'return an object of tensors, each under its name, such as { y: tensor }';
  if (isPromise(returned)) {
    // The promise is no one else's: its rejection must not end the process.
    returned.then(undefined, () => {});
    throw new TraceError(`${whose()} is async: it must return its tensors at once, so ${cure}`);
  }
  if (returned instanceof tf.Tensor)
    throw new TraceError(`${whose()} returns a tensor without a name: ${cure}`);
  if (Array.isArray(returned)) throw new TraceError(`${whose()} returns a list: ${cure}`);
  if (typeof returned !== 'object' || returned === null) {
    throw new TraceError(`${whose()} returns ${describe(returned)}: ${cure}`);
  }
  for (const [name, output] of Object.entries(returned)) {
    if (!(output instanceof tf.Tensor)) {
      throw new TraceError(`output '${name}' of ${whose()} is not a tensor but ${describe(output)}`);
    }
    if (output.dtype === 'complex64') {
      throw new TraceError(
        `output '${name}' is complex64, which programs do not carry: return its tf.real and tf.imag`,
      );
    }
  }
  return returned as NamedTensors;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

/** In a word or two. */
function describe(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (isPromise(value)) return 'a promise';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
