import { createExecutor, type HostTensor, hostTensor, type LoadedProgram } from '@generatrix/runtime';
import { describe, expect, it } from 'vitest';
import { type PortableOptions, portableGraph } from '../bundle/portable.ts';
import { type ConformanceCase, kernelsOf } from '../conformance/case.ts';
import type { Graph } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { tf } from '../tf.ts';
import { traceBatched } from '../trace/symbolic.ts';
import { type NamedTensors, record, type TensorFunction } from '../trace/trace.ts';
import { writeOnnx } from './write.ts';

export interface ConformanceOptions {
  /**
   * Largest error allowed, relative to the largest magnitude of the output or 1. The default is a few units in the
   * last place of float32, for sums that run in another order.
   */
  readonly tolerance?: number;
  /** Measure the error of each element against its own magnitude or 1, not against the largest of the output. */
  readonly elementwise?: boolean;
  /** Trace for any batch size, the first dimension of every input. */
  readonly batched?: boolean;
  /** What to compare with where tfjs's CPU backend has no such kernel or a faulty one. */
  readonly reference?: TensorFunction;
  /** The form in which the program is written; with a batch size it runs at that one alone. */
  readonly portable?: PortableOptions;
}

/** A case for this writer, with its own way of comparing. */
export interface OnnxCase extends ConformanceCase, ConformanceOptions {}

/** Runs the cases, and checks that between them they exercise every kernel of a table of lowerings. */
export function describeConformance(title: string, lowerings: object, cases: readonly OnnxCase[]): void {
  describe(title, () => {
    it.each(cases.map((test) => [test.name, test] as const))('%s', async (_, { fn, inputs, ...options }) => {
      await expectSameInOnnx(fn, inputs(), options);
    });

    it('exercises every kernel of the table', () => {
      const graphs = cases.map(({ fn, inputs, batched }) => recordFor(fn, inputs(), batched ?? false));
      const exercised = new Set(graphs.flatMap(({ nodes }) => kernelsOf(nodes)));
      expect(Object.keys(lowerings).filter((kernel) => !exercised.has(kernel as KernelName))).toEqual([]);
    });
  });
}

/** Sizes that a function traced for any batch size is run at, besides the one given. */
const batchSizes = [1, 3, 8];

/** The inputs with their first dimension made `size`: rows in turn, from the first again after the last. */
function atBatchSize(inputs: NamedTensors, size: number): NamedTensors {
  const resized = Object.entries(inputs).map(([name, x]) => {
    const rows = Array.from({ length: size }, (_, i) => i % x.shape[0]!);
    return [name, tf.gather(x, tf.tensor1d(rows, 'int32'))];
  });
  return Object.fromEntries(resized);
}

/** Runs a function eagerly on tfjs's CPU backend and, traced and written, in onnxruntime; `recordFor` says how. */
export async function expectSameInOnnx(
  fn: TensorFunction,
  inputs: NamedTensors,
  {
    tolerance = 1e-5,
    elementwise = false,
    batched = false,
    reference = fn,
    portable = {},
  }: ConformanceOptions = {},
): Promise<void> {
  const program = await loadInOnnx(portableGraph('conformance', recordFor(fn, inputs, batched), portable));
  const runs =
    batched && portable.batch === undefined
      ? [inputs, ...batchSizes.map((size) => atBatchSize(inputs, size))]
      : [inputs];
  try {
    for (const given of runs) {
      // First, since tfjs's CPU kernel of TensorScatterUpdate writes into its input.
      const actual = await runLoaded(program, given);
      const expected = tf.tidy(() => reference(given));
      expect(Object.keys(actual).toSorted()).toEqual(Object.keys(expected).toSorted());
      for (const [name, tensor] of Object.entries(expected)) {
        expectClose(name, actual[name], tensor, tolerance, elementwise);
      }
      tf.dispose(expected);
    }
  } finally {
    await program.release();
  }
}

/** The graph of a function, one node per kernel call, or simplified where it is traced for any batch size. */
export function recordFor(fn: TensorFunction, inputs: NamedTensors, batched: boolean): Graph {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]) => [
    name,
    { dtype: dtype as HostTensor['dtype'], shape: batched ? shape.slice(1) : shape, batched },
  ]);
  return batched ? traceBatched(fn, Object.fromEntries(specs)) : record(fn, Object.fromEntries(specs));
}

async function loadInOnnx(graph: Graph): Promise<LoadedProgram> {
  const executor = await createExecutor('cpu');
  return executor.load('conformance', writeOnnx(graph, { name: 'conformance' }));
}

async function runLoaded(program: LoadedProgram, inputs: NamedTensors): Promise<Record<string, HostTensor>> {
  const feeds = Object.entries(inputs).map(([name, tensor]) => [
    name,
    hostTensor(tensor.dtype as HostTensor['dtype'], tensor.shape, tensor.dataSync()),
  ]);
  return (await program.run(Object.fromEntries(feeds))) as Record<string, HostTensor>;
}

function expectClose(
  name: string,
  actual: HostTensor | undefined,
  expected: tf.Tensor,
  tolerance: number,
  elementwise: boolean,
): void {
  expect(actual?.shape, `shape of ${name}`).toEqual(expected.shape);
  expect(actual?.dtype, `type of ${name}`).toBe(expected.dtype);
  const reference = expected.dataSync();
  const finite = Array.from(reference).filter(Number.isFinite);
  const largest = finite.reduce((scale, value) => Math.max(scale, Math.abs(value)), 1);
  for (const [i, value] of reference.entries()) {
    const got = actual!.data[i]!;
    const scale = elementwise ? Math.max(1, Math.abs(value)) : largest;
    const close = Number.isFinite(value) ? Math.abs(got - value) <= tolerance * scale : Object.is(got, value);
    if (!close)
      expect.fail(`${name}[${i}]: onnxruntime gives ${got}, tfjs ${value} (tolerance ${tolerance})`);
  }
}
