import { sizeOf } from '@generatrix/runtime/core';
import { expect } from 'vitest';
import type { Graph, Node } from '../../graph/ir.ts';
import type { KernelName } from '../../kernels/names.ts';
import { tf } from '../../tf.ts';
import { record, type TensorFunction } from '../../trace/trace.ts';
import { graphModelFiles } from '../write.ts';

type DType = 'float32' | 'int32' | 'bool';
type Tensors = Record<string, tf.Tensor>;

/** Loads a written model through tfjs, from the bytes of its files. */
export async function loadWritten(graph: Graph): Promise<tf.GraphModel> {
  const files = graphModelFiles(graph, { name: 'test' });
  const fetchFunc = async (path: string | URL | Request) => {
    const file = String(path).split('/').at(-1) as keyof typeof files;
    const type = file.endsWith('.json') ? 'application/json' : 'application/octet-stream';
    return new Response(new Uint8Array(files[file]), { headers: { 'Content-Type': type } });
  };
  return tf.loadGraphModel(tf.io.http('http://model.test/model.json', { fetchFunc }));
}

/** Runs a loaded model and returns its outputs by name. */
export function runNamed(model: tf.GraphModel, inputs: Tensors, names: string[]): Tensors {
  const result = model.execute(inputs, names);
  const list = Array.isArray(result) ? result : [result];
  return Object.fromEntries(names.map((name, i) => [name, list[i]!]));
}

/** A function that must give the same as a GraphModel as it does eagerly. */
export interface ConformanceCase {
  readonly name: string;
  readonly fn: TensorFunction;
  readonly inputs: () => Tensors;
  /** What the outputs are compared with, where tfjs's CPU backend has no such kernel or a faulty one. */
  readonly reference?: TensorFunction;
  /** Largest difference, relative to the larger of 1 and the expected magnitude; see `exact`. */
  readonly tolerance?: number;
}

/**
 * The default tolerance, less than one unit in the last place of a float32: most kernels run as the very same op,
 * and this only forgives an attribute that was rounded to float32.
 */
const exact = 1e-7;

/** The graph of a case, one node per kernel call. */
export function recordCase({ fn, inputs }: ConformanceCase): Graph {
  const described = Object.entries(inputs()).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype as DType, shape },
  ]);
  return record(fn, Object.fromEntries(described));
}

/** Compares a case run eagerly on tfjs's CPU backend with the GraphModel of its trace, also run there. */
export async function expectConforms(test: ConformanceCase): Promise<void> {
  const model = await loadWritten(recordCase(test));
  const inputs = test.inputs();
  const expected = (test.reference ?? test.fn)(inputs);
  const actual = runNamed(model, inputs, Object.keys(expected));
  for (const [name, tensor] of Object.entries(expected)) {
    expectClose(actual[name]!, tensor, test.tolerance ?? exact, name);
  }
  model.dispose();
}

/** Same type, shape and values, NaN and infinities included. */
export function expectClose(actual: tf.Tensor, expected: tf.Tensor, tolerance: number, name = ''): void {
  expect(actual.shape, `shape of ${name}`).toEqual(expected.shape);
  expect(actual.dtype, `type of ${name}`).toBe(expected.dtype);
  const [a, b] = [actual.dataSync(), expected.dataSync()];
  expect(a.length).toBe(sizeOf(expected.shape));
  for (let i = 0; i < b.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    const difference = Math.abs(a[i]! - b[i]!) / Math.max(1, Math.abs(b[i]!));
    if (!(difference <= tolerance)) {
      expect.fail(`${name}[${i}]: expected ${b[i]}, got ${a[i]}, relative difference ${difference}`);
    }
  }
}

/** The kernels that a graph calls, in the bodies of its scans too. */
export function kernelsOf(nodes: readonly Node[]): KernelName[] {
  return nodes.flatMap((node) => {
    if (node.op === 'scan') return kernelsOf(node.body.nodes);
    return node.op === 'kernel' ? [node.kernel] : [];
  });
}

/** Calls a kernel that no tfjs function calls by itself, or a gradient kernel directly. */
export function kernel(name: KernelName, inputs: Tensors | tf.Tensor[], attrs: object = {}): tf.Tensor {
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
