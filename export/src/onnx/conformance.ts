import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { expect } from 'vitest';
import { nodeName } from '../graph/check.ts';
import type { Graph } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { traceBatched } from '../trace/symbolic.ts';
import { type NamedTensors, record, type TensorFunction } from '../trace/trace.ts';
import { writeOnnx } from './write.ts';

/** Names of the kernels that a graph calls, its loops included. */
export function kernelsOf(graph: Graph): string[] {
  return graph.nodes.flatMap((node) => (node.op === 'scan' ? kernelsOf(node.body) : [nodeName(node)]));
}

export interface ConformanceOptions {
  /**
   * Largest error allowed, relative to the largest magnitude of the output or 1. The default is a few units in the
   * last place of float32, for sums that run in another order.
   */
  readonly tolerance?: number;
  /** Trace for any batch size, the first dimension of every input. */
  readonly batched?: boolean;
}

/** Runs a function eagerly on tfjs's CPU backend and, traced without simplification and written, in onnxruntime. */
export async function expectSameInOnnx(
  fn: TensorFunction,
  inputs: NamedTensors,
  { tolerance = 1e-5, batched = false }: ConformanceOptions = {},
): Promise<void> {
  const expected = tf.tidy(() => fn(inputs));
  const actual = await runInOnnx(fn, inputs, batched);
  for (const [name, tensor] of Object.entries(expected)) expectClose(name, actual[name], tensor, tolerance);
  tf.dispose(expected);
}

async function runInOnnx(fn: TensorFunction, inputs: NamedTensors, batched: boolean) {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype as HostTensor['dtype'], shape: batched ? shape.slice(1) : shape, batched },
  ]);
  const graph = batched ? traceBatched(fn, Object.fromEntries(specs)) : record(fn, Object.fromEntries(specs));
  const executor = await createExecutor('cpu');
  const program = await executor.load('conformance', writeOnnx(graph, { name: 'conformance' }));
  const feeds = Object.entries(inputs).map(([name, tensor]) => [
    name,
    hostTensor(tensor.dtype as HostTensor['dtype'], tensor.shape, tensor.dataSync()),
  ]);
  const outputs = await program.run(Object.fromEntries(feeds));
  await program.release();
  return outputs as Record<string, HostTensor>;
}

function expectClose(name: string, actual: HostTensor | undefined, expected: tf.Tensor, tolerance: number): void {
  expect(actual?.shape, `shape of ${name}`).toEqual(expected.shape);
  expect(actual?.dtype, `type of ${name}`).toBe(expected.dtype);
  const reference = expected.dataSync();
  const finite = Array.from(reference).filter(Number.isFinite);
  const scale = finite.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  for (const [i, value] of reference.entries()) {
    const got = actual!.data[i]!;
    const close = Number.isFinite(value) ? Math.abs(got - value) <= tolerance * scale : Object.is(got, value);
    if (!close) expect.fail(`${name}[${i}]: onnxruntime gives ${got}, tfjs ${value} (tolerance ${tolerance})`);
  }
}
