import type { KernelNode, Shape } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';

/** Operator set and file format version of the programs written. */
export const onnxOpset = 17;
export const onnxIrVersion = 8;

export type OnnxDType = 'float32' | 'float64' | 'int32' | 'int64' | 'bool';

/** A plain number or list is an INT or INTS attribute, a string a STRING; floats are wrapped to tell them apart. */
export type OnnxAttr = number | string | readonly number[] | { readonly float: number } | OnnxSubgraph;

/** Names that tensors get in the file instead of those they were emitted under. */
export type Renames = ReadonlyMap<string, string>;

/** The body of a loop as a GraphProto, encoded once all names are settled: it may use its surroundings' tensors. */
export interface OnnxSubgraph {
  readonly graph: (renames: Renames) => Uint8Array;
}

/** What lowerings write with. Tensors are known by their names; an empty name is an absent optional input. */
export interface OnnxEmitter {
  /** Emits a node with one output and returns the output's name. */
  op(type: string, inputs: readonly string[], attrs?: Record<string, OnnxAttr>): string;
  /** Emits a node with several outputs. */
  ops(type: string, inputs: readonly string[], attrs: Record<string, OnnxAttr>, outputs: number): string[];
  /** A deduplicated initializer. */
  constant(dtype: OnnxDType, shape: readonly number[], data: ArrayLike<number>): string;
  scalar(dtype: OnnxDType, value: number): string;
  /** A constant 1-D int64 tensor. */
  ints(values: readonly number[]): string;
  /** A 1-D int64 tensor holding the dims; computed from the batch size at run time where a dim is symbolic. */
  dims(shape: Shape): string;
  /** Reshape; one symbolic dim becomes -1, so that no shape arithmetic is left for run time. */
  reshape(x: string, shape: Shape): string;
  /** The tensor itself for the identity permutation. */
  transpose(x: string, perm: readonly number[]): string;
  cast(x: string, to: OnnxDType): string;
}

/** Writes one kernel call as ONNX nodes; returns the names of its outputs in `node.outputs` order. */
export type Lowering<K extends KernelName> = (
  emit: OnnxEmitter,
  node: KernelNode<K>,
  inputs: readonly string[],
) => string[];

export type OnnxLowerings = { readonly [K in KernelName]: Lowering<K> };
