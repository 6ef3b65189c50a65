import { sizeOf } from '@generatrix/runtime/core';
import type { Graph, Node } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { tf } from '../tf.ts';
import { type NamedTensors, record, type TensorFunction } from '../trace/trace.ts';

type DType = 'float32' | 'int32' | 'bool';

/** A function that must give the same traced and written as it does eagerly. */
export interface ConformanceCase {
  readonly name: string;
  readonly fn: TensorFunction;
  readonly inputs: () => NamedTensors;
  /** What the outputs are compared with, where tfjs's CPU backend has no such kernel or a faulty one. */
  readonly reference?: TensorFunction;
  /** Largest difference, relative to the larger of 1 and the expected magnitude; each writer has a default. */
  readonly tolerance?: number;
}

/** The graph of a case, one node per kernel call. */
export function recordCase({ fn, inputs }: ConformanceCase): Graph {
  const described = Object.entries(inputs()).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype as DType, shape },
  ]);
  return record(fn, Object.fromEntries(described));
}

/** The kernels that a graph calls, in the bodies of its scans too. */
export function kernelsOf(nodes: readonly Node[]): KernelName[] {
  return nodes.flatMap((node) => {
    if (node.op === 'scan') return kernelsOf(node.body.nodes);
    return node.op === 'kernel' ? [node.kernel] : [];
  });
}

/** Calls a kernel that no tfjs function calls by itself, or a gradient kernel directly. */
export function kernel(name: KernelName, inputs: NamedTensors | tf.Tensor[], attrs: object = {}): tf.Tensor {
  return tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap) as tf.Tensor;
}

/** Float values in [-2, 2) that depend on the shape alone (a linear congruential generator, Numerical Recipes). */
export function values(...shape: number[]): tf.Tensor {
  let state = sizeOf(shape) + shape.length;
  const data = Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
  return tf.tensor(data, shape, 'float32');
}

/** Integers from `low` up to, not including, `high`. */
export function integers(low: number, high: number, ...shape: number[]): tf.Tensor {
  const spread = tf.add(tf.mul(tf.add(values(...shape), 2), (high - low) / 4), low);
  return tf.cast(tf.floor(spread), 'int32');
}

/** True where `values` of the shape are positive. */
export function bools(...shape: number[]): tf.Tensor {
  return tf.greater(values(...shape), 0);
}
