import type { DType } from '@generatrix/runtime/core';
import { checkGraph, nodeName } from '../graph/check.ts';
import { type Dim, type Graph, isSymbolic, type Node, type Port, printDim, type Value } from '../graph/ir.ts';
import { simplify } from '../passes/simplify.ts';
import { at, TraceError } from './errors.ts';
import { record, type TensorFunction } from './trace.ts';

/** A traced function's input: `batched` ones get a leading batch dimension of any size. */
export interface BatchedInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly batched: boolean;
}

/** Two sizes to tell which dimensions scale, and a third that must confirm it. */
const batchSizes = [5, 7, 12] as const;

/** Attributes that hold sizes and may therefore depend on the batch. */
const sizeAttributes: Record<string, readonly string[]> = {
  BroadcastTo: ['shape', 'inputShape'],
  Conv2DBackpropInput: ['inputShape'],
  DepthwiseConv2dNativeBackpropInput: ['inputShape'],
  Fill: ['shape'],
  Range: ['stop'],
  Reshape: ['shape'],
  Slice: ['begin', 'size'],
  StridedSlice: ['end'],
  Tile: ['reps'],
};

/**
 * Traces a function for every batch size at once: it is traced at three sizes, the first two tell how each
 * dimension depends on the batch, the third must agree.
 * @throws TraceError when the function does something else at another batch size (or at each call), or when a
 *   constant or attribute depends on the batch in a way that a program cannot express.
 */
export function traceBatched(fn: TensorFunction, inputs: Record<string, BatchedInput>): Graph {
  const graphs = batchSizes.map((batch) =>
    record(
      fn,
      Object.fromEntries(
        Object.entries(inputs).map(([name, { dtype, shape, batched }]) => [
          name,
          { dtype, shape: batched ? [batch, ...shape] : shape },
        ]),
      ),
    ),
  );
  const merged = mergeGraphs(graphs);
  checkGraph(merged, 'merging of batch sizes');
  return simplify(merged);
}

function mergeGraphs(graphs: Graph[], outer: Map<Value, Value> = new Map()): Graph {
  const [first] = graphs as [Graph];
  const values = new Map(outer);
  const mergeValue = (variants: Value[], what: string): Value => {
    const shape = variants[0]!.shape.map((_, axis) =>
      mergeNumbers(
        variants.map((value) => value.shape[axis] as number),
        what,
      ),
    );
    const value = { id: variants[0]!.id, dtype: variants[0]!.dtype, shape };
    for (const variant of variants) values.set(variant, value);
    return value;
  };
  const inputs = first.inputs.map(
    ({ name }, i): Port => ({
      name,
      value: mergeValue(
        graphs.map((graph) => graph.inputs[i]!.value),
        `input '${name}'`,
      ),
    }),
  );
  if (graphs.some(({ nodes }) => nodes.length !== first.nodes.length)) {
    throw new TraceError(
      `the function runs ${graphs.map(({ nodes }) => nodes.length).join(', ')} ops at batch sizes ` +
        `${batchSizes.join(', ')}: it must run the same ones at every size`,
    );
  }
  const nodes = first.nodes.map((_, i) => {
    const variants = graphs.map(({ nodes }) => nodes[i]!);
    return mergeNode(variants, (value) => values.get(value)!, mergeValue);
  });
  const outputs = first.outputs.map(({ name, value }) => ({ name, value: values.get(value)! }));
  return { inputs, outputs, nodes };
}

function mergeNode(
  variants: Node[],
  current: (value: Value) => Value,
  mergeValue: (variants: Value[], what: string) => Value,
): Node {
  const [node] = variants as [Node];
  const what = `${nodeName(node)}${at(node.where)}`;
  if (variants.some((other) => nodeName(other) !== nodeName(node))) {
    const names = variants.map(nodeName).join(', ');
    throw new TraceError(
      `the function runs ${names} in the same place at different batch sizes${at(node.where)}`,
    );
  }
  const inputs = node.inputs.map(current);
  const rewired = variants.some(
    (other) =>
      other.inputs.length !== inputs.length ||
      other.outputs.length !== node.outputs.length ||
      other.inputs.some((input, i) => current(input) !== inputs[i]),
  );
  if (rewired) throw new TraceError(`${what} is fed or used differently at different batch sizes`);
  const outputs = node.outputs.map((_, i) =>
    mergeValue(
      variants.map(({ outputs }) => outputs[i]!),
      what,
    ),
  );
  switch (node.op) {
    case 'constant':
      return mergeConstants(variants as (Node & { op: 'constant' })[], outputs);
    case 'splat':
      return { ...node, inputs, outputs };
    case 'scan': {
      const scans = variants as (Node & { op: 'scan' })[];
      if (scans.some(({ length }) => length !== node.length)) {
        throw new TraceError('scan: the number of steps depends on the batch size');
      }
      return { ...node, inputs, outputs, body: mergeGraphs(scans.map(({ body }) => body)) };
    }
    case 'kernel': {
      const attrs = variants.map((variant) => (variant as Node & { op: 'kernel' }).attrs as object);
      const merged = mergeAttributes(attrs, sizeAttributes[node.kernel] ?? [], what);
      return { ...node, inputs, outputs, attrs: merged } as Node;
    }
  }
}

function mergeConstants(variants: (Node & { op: 'constant' })[], outputs: Value[]): Node {
  const [node] = variants as [Node & { op: 'constant' }];
  const symbolic = outputs[0]!.shape.some(isSymbolic);
  const [value] = node.data;
  const splat = variants.every(({ data }) => data.every((other) => Object.is(other, value)));
  if (symbolic && splat) return { op: 'splat', inputs: [], outputs, value: value!, where: node.where };
  const same = variants.every(({ data }) => data.every((other, i) => Object.is(other, node.data[i])));
  if (symbolic || !same) {
    throw new TraceError(
      `a constant of shape [${outputs[0]!.shape.map(printDim)}]${at(node.where)} differs from trace to trace: it ` +
        'depends on the batch size or on Math.random; make it an input, or compute it with tensor ops',
    );
  }
  return { ...node, outputs };
}

function mergeAttributes(variants: object[], sizes: readonly string[], what: string): object {
  const [first] = variants as [Record<string, unknown>];
  const entries = Object.entries(first).map(([key, value]) => {
    const values = variants.map((attrs) => (attrs as Record<string, unknown>)[key]);
    const texts = new Set(values.map((other) => JSON.stringify(other)));
    if (texts.size === 1) return [key, value];
    if (!sizes.includes(key)) throw new TraceError(`${what}: its ${key} depends on the batch size`);
    const merged = Array.isArray(value)
      ? value.map((_, i) =>
          mergeNumbers(
            values.map((list) => (list as number[])[i]!),
            what,
          ),
        )
      : mergeNumbers(values as number[], what);
    return [key, merged];
  });
  return Object.fromEntries(entries);
}

function mergeNumbers(numbers: number[], what: string): Dim {
  const [a, b, c] = numbers as [number, number, number];
  if (a === b && b === c) return a;
  const [sizeA, sizeB, sizeC] = batchSizes;
  const scale = (b - a) / (sizeB - sizeA);
  const offset = a - scale * sizeA;
  if (!Number.isInteger(scale) || scale * sizeC + offset !== c) {
    throw new TraceError(
      `${what}: a size is ${numbers.join(', ')} at batch sizes ${batchSizes.join(', ')}, which is not a multiple ` +
        'of the batch size plus a constant',
    );
  }
  return { scale, offset };
}
