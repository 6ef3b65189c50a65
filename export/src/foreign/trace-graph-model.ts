import { type DType, messageOf } from '@generatrix/runtime/core';
import type { Graph } from '../graph/ir.ts';
import type { tf } from '../tf.ts';
import { TraceError } from '../trace/errors.ts';
import { type BatchedInput, traceBatched } from '../trace/symbolic.ts';
import type { NamedTensors } from '../trace/trace.ts';

export interface GraphModelTraceOptions {
  /** Sizes, without the batch, of inputs whose sizes the model leaves open, by the inputs' names. */
  readonly sizes?: Readonly<Record<string, readonly number[]>>;
}

/** An input or output of a GraphModel: the name that the model has, and the one that its program gets. */
export interface GraphModelPort {
  readonly name: string;
  readonly plain: string;
  readonly dtype: DType;
  /** Without the batch; null where a size is open. */
  readonly shape: readonly (number | null)[];
}

/**
 * The inputs or outputs of a GraphModel. Program names are the model's up to the number of the output (`x:0`), and
 * characters that are not letters, digits, `_` or `-` become `_`.
 */
export function graphModelPorts(ports: readonly tf.TensorInfo[] | tf.GraphModel['inputs']): GraphModelPort[] {
  const used = new Set<string>();
  return ports.map((port) => {
    const { name = '', shape, dtype } = port as { name?: string; shape?: (number | null)[]; dtype: string };
    const base = name.replace(/:0$/, '').replace(/[^\w-]/g, '_') || 'x';
    let plain = base;
    for (let i = 2; used.has(plain); i++) plain = `${base}_${i}`;
    used.add(plain);
    const open = (shape ?? []).slice(1).map((dim) => (dim === null || dim < 0 ? null : dim));
    return { name, plain, dtype: dtype as DType, shape: open };
  });
}

/**
 * Traces a GraphModel (of the TensorFlow converter, or of `writeGraphModel`) for any batch size. Its weights become
 * constants; the model itself is left as it was.
 * @returns a graph with the model's inputs and outputs under the names of `graphModelPorts`
 * @throws TraceError when a size is open and not given, the model's flow depends on values, or an op has no rule.
 */
export function traceGraphModel(model: tf.GraphModel, { sizes = {} }: GraphModelTraceOptions = {}): Graph {
  const inputs = graphModelPorts(model.inputs);
  const specs = inputs.map(({ plain, dtype, shape }): [string, BatchedInput] => {
    const given = Object.hasOwn(sizes, plain) ? sizes[plain] : undefined;
    const known = given ?? (shape.every((dim) => dim !== null) ? shape : null);
    const fits = known?.length === shape.length && shape.every((dim, i) => dim === null || dim === known[i]);
    if (known === null || !fits) {
      const found = shape.map((dim) => dim ?? '?').join(', ');
      throw new TraceError(
        `graph model: input '${plain}' has the shape [batch, ${found}]: give the sizes that it leaves open`,
      );
    }
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new TraceError(
        `graph model: input '${plain}' is ${dtype}: programs carry float32, int32 and bool`,
      );
    }
    return [plain, { dtype, shape: known, batched: true }];
  });
  return traceBatched((tensors) => runGraphModel(model, tensors), Object.fromEntries(specs));
}

/**
 * Runs a GraphModel on tensors by the names of `graphModelPorts`; traced like any function.
 * @throws TraceError when the model's flow depends on values.
 */
export function runGraphModel(model: tf.GraphModel, tensors: NamedTensors): NamedTensors {
  const feeds = graphModelPorts(model.inputs).map(({ name, plain }) => [name, tensors[plain]!]);
  const outputs = graphModelPorts(model.outputs);
  let results: tf.Tensor | tf.Tensor[];
  try {
    results = model.execute(
      Object.fromEntries(feeds) as NamedTensors,
      outputs.map(({ name }) => name),
    );
  } catch (error) {
    if (error instanceof TraceError) throw error;
    throw new TraceError(`graph model: ${messageOf(error).replace(/\s+/g, ' ')}`);
  }
  const list = Array.isArray(results) ? results : [results];
  const inputs = new Set(Object.keys(tensors));
  return Object.fromEntries(
    outputs.map(({ plain }, i) => [inputs.has(plain) ? `${plain}_out` : plain, list[i]!]),
  );
}
