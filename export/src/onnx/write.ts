import { UserError } from '@generatrix/runtime/core';
import { checkGraph } from '../graph/check.ts';
import {
  type Graph,
  isSymbolic,
  type KernelNode,
  type Node,
  type Port,
  type Shape,
  type Value,
} from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { TraceError } from '../trace/errors.ts';
import { NameSource } from './constants.ts';
import { GraphEmitter } from './emitter.ts';
import { fillLike } from './fill.ts';
import { lowerEmpty } from './lower-empty.ts';
import type { Lowering, Renames } from './lowering.ts';
import { openLoop } from './open-loop.ts';
import {
  encodeGraph,
  encodeModel,
  encodeNode,
  encodeTensor,
  encodeValueInfo,
  type Initializer,
  type OutsideValues,
} from './proto.ts';
import { onnxLowerings } from './table.ts';

export interface OnnxOptions {
  /** Name of the graph, shown by viewers. */
  readonly name: string;
  /** Facts about the program kept in the file; they do not change what it computes. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Lets a program that is one scan take any number of steps, not only as many as it was traced with. */
  readonly openLoop?: boolean;
  /** Version of the package that writes, kept in the file. */
  readonly producerVersion?: string;
}

/** Bytes beyond which protobuf, and with it onnxruntime, reads no file. */
export const largestOnnx = 2 ** 31 - 1;

/** A program in the terms of ONNX: all but the weights is encoded. */
export interface OnnxProgram {
  readonly name: string;
  /** The constants of the program and of its loops, small ones included. */
  readonly initializers: readonly Initializer[];
  /** The file, given where the values lie of the constants that are not inside it. @throws UserError when too large. */
  encode(outside: ReadonlyMap<Initializer, OutsideValues>): Uint8Array<ArrayBuffer>;
}

/**
 * Writes a graph as an ONNX model: opset 17, IR version 8, default domain, weights inside the file. Inputs and
 * outputs keep their names; the batch dimension, where symbolic, is called `batch`. The same graph gives the same
 * bytes.
 * @throws TraceError naming the kernel and the place when a call cannot be expressed, or the output that has the name
 *   of an input, and when a name is empty; UserError when the weights are more than a file may hold, before any of it
 *   is written.
 */
export function writeOnnx(graph: Graph, options: OnnxOptions): Uint8Array<ArrayBuffer> {
  return lowerToOnnx(graph, options).encode(new Map());
}

/**
 * The first half of `writeOnnx`: what is to be written, with the weights still apart, so that several programs can
 * share them.
 * @throws TraceError as `writeOnnx`.
 */
export function lowerToOnnx(
  graph: Graph,
  { name, metadata = {}, openLoop: open = false, producerVersion = '' }: OnnxOptions,
): OnnxProgram {
  checkGraph(graph, 'all passes');
  refuseNames(graph);
  const ports = [...graph.inputs, ...graph.outputs].map((port) => port.name);
  const names = new NameSource(ports);
  const values = new Map<Value, string>();
  for (const port of graph.inputs) values.set(port.value, port.name);
  const emitter: GraphEmitter = new GraphEmitter(
    names,
    once(() => batchSize(graph, emitter)),
  );
  for (const node of graph.nodes) emitNode(emitter, node, values);
  nameOutputs(emitter, graph.outputs, values);
  const initializers = emitter.constants.used();
  const declared = open ? openLoop(graph) : ({ shape }: Value) => shape;
  const encode = (outside: ReadonlyMap<Initializer, OutsideValues>) => {
    const encoded = encodeGraph({
      name,
      nodes: emitter.nodes.map((node) => encodeNode(node, emitter.renames)),
      initializers: initializers.map((tensor) => encodeTensor(tensor, outside.get(tensor))),
      inputs: graph.inputs.map(({ name, value }) => encodeValueInfo(name, value.dtype, declared(value))),
      outputs: graph.outputs.map(({ name, value }) => encodeValueInfo(name, value.dtype, declared(value))),
    });
    const model = encodeModel(encoded, metadata, producerVersion);
    refuseSize(name, model.length);
    return model.join();
  };
  return { name, initializers, encode };
}

function refuseSize(name: string, bytes: number): void {
  if (bytes <= largestOnnx) return;
  throw new UserError(
    `program ${name}: with its weights it is ${bytes} bytes, and an ONNX file has at most ${largestOnnx} (2 GiB): ` +
      'keep the weights beside it (format shared)',
  );
}

/** In ONNX, inputs and outputs are names in one space, and an empty name means that there is none. */
function refuseNames({ inputs, outputs }: Graph): void {
  if ([...inputs, ...outputs].some(({ name }) => name === '')) {
    throw new TraceError('an input or output has an empty name: ONNX takes that for an absent one; name it');
  }
  const names = new Set(inputs.map(({ name }) => name));
  const shared = outputs.find(({ name }) => names.has(name));
  if (shared === undefined) return;
  throw new TraceError(
    `output '${shared.name}' has the name of an input: ONNX needs them to differ; rename one`,
  );
}

/**
 * Gives the values that leave a graph the names of its outputs. Where a node of the graph made the value, the value
 * takes the name: a copy of every tensor of a training step's state would cost a tenth of the step. What came in from
 * outside, or leaves twice, is copied.
 */
function nameOutputs(emitter: GraphEmitter, ports: readonly Port[], values: Map<Value, string>): void {
  const made = new Set(emitter.nodes.flatMap((node) => node.outputs));
  for (const { name, value } of ports) {
    const current = values.get(value)!;
    if (made.has(current) && !emitter.renames.has(current)) emitter.renames.set(current, name);
    else emitter.node('Identity', [current], [name], {});
  }
}

function once(make: () => string): () => string {
  let made: string | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

/** The batch size as int64 [1], read off the first input that has it as a dimension. */
function batchSize(graph: Graph, emitter: GraphEmitter): string {
  for (const { name, value } of graph.inputs) {
    const axis = value.shape.findIndex((dim) => isSymbolic(dim) && dim.scale === 1 && dim.offset === 0);
    if (axis < 0) continue;
    return emitter.op('Shape', [name], { start: axis, end: axis + 1 });
  }
  throw new TraceError('the program depends on the batch size but none of its inputs has a batch dimension');
}

function emitNode(emitter: GraphEmitter, node: Node, values: Map<Value, string>): void {
  const inputs = node.inputs.map((input) => values.get(input)!);
  const outputs = lower(emitter, node, inputs, values);
  for (const [i, output] of node.outputs.entries()) values.set(output, outputs[i]!);
}

function lower(emitter: GraphEmitter, node: Node, inputs: string[], values: Map<Value, string>): string[] {
  const [output] = node.outputs as [Value];
  switch (node.op) {
    case 'constant':
      return [emitter.constant(output.dtype, output.shape as number[], node.data)];
    case 'splat':
      return [fillLike(emitter, output, node.value)];
    case 'scan':
      return lowerScan(emitter, node, inputs, values);
    case 'kernel':
      return lowerKernel(emitter, node, inputs);
  }
}

function lowerKernel<K extends KernelName>(
  emitter: GraphEmitter,
  node: KernelNode<K>,
  inputs: string[],
): string[] {
  const lowering: Lowering<K> = onnxLowerings[node.kernel];
  try {
    return lowerEmpty(emitter, node) ?? lowering(emitter, node, inputs);
  } catch (error) {
    throw error instanceof Error ? new TraceError(error.message, { cause: error }) : error;
  }
}

/** Sizes that depend on the batch have no names in a loop's body: some runtimes take those for other sizes. */
const unnamed = (shape: Shape) => shape.map((dim) => (isSymbolic(dim) ? null : dim));

/**
 * An ONNX Scan. Captured values are used by name from the surrounding graph. The body's constants are written as
 * initializers of the outermost graph; what depends on the batch size is computed there too, before the loop.
 */
function lowerScan(
  emitter: GraphEmitter,
  node: Node & { op: 'scan' },
  inputs: string[],
  outer: Map<Value, string>,
): string[] {
  const { body, carries, sequences } = node;
  const own = carries + sequences;
  const values = new Map(outer);
  const inner = new GraphEmitter(emitter.names, () => emitter.dims([{ scale: 1, offset: 0 }]), emitter);
  const parameters = body.inputs.slice(0, own).map(({ name, value }) => {
    const parameter = emitter.names.fresh(name);
    values.set(value, parameter);
    return encodeValueInfo(parameter, value.dtype, unnamed(value.shape));
  });
  for (const [i, { value }] of body.inputs.slice(own).entries()) values.set(value, inputs[own + i]!);
  for (const child of body.nodes) emitNode(inner, child, values);
  const results = body.outputs.map(({ name, value }) => ({ name: emitter.names.fresh(name), value }));
  nameOutputs(inner, results, values);
  const name = emitter.names.fresh('body');
  const graph = (renames: Renames) =>
    encodeGraph({
      name,
      nodes: inner.nodes.map((node) => encodeNode(node, renames)),
      initializers: [],
      inputs: parameters,
      outputs: results.map((port) => encodeValueInfo(port.name, port.value.dtype, unnamed(port.value.shape))),
    }).join();
  const backwards = (count: number) => Array.from({ length: count }, () => 1);
  const directions: Record<string, number[]> = node.reversed
    ? {
        scan_input_directions: backwards(sequences),
        scan_output_directions: backwards(node.outputs.length - carries),
      }
    : {};
  return emitter.ops(
    'Scan',
    inputs.slice(0, own),
    { body: { graph }, num_scan_inputs: sequences, ...directions },
    node.outputs.length,
  );
}
