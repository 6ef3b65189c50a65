import type { DType } from '@generatrix/runtime/core';
import type { ConstantData, KernelNode, Shape } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import type { Attrs } from './node-def.ts';

/**
 * What a lowering may emit. Tensors are named by strings. Ops are pure, so emitting the same op on the same inputs
 * twice gives the same node: what does not change from step to step of an unrolled scan exists once.
 */
export interface GraphModelEmitter {
  /** Emits an op with one output and returns the output's name. */
  op(type: string, inputs: readonly string[], attrs?: Attrs): string;
  /** Emits an op with several outputs. */
  ops(type: string, inputs: readonly string[], attrs: Attrs, outputs: number): string[];
  /** A weight. Equal small tensors, and tensors over the same data, exist once. */
  constant(dtype: DType, shape: readonly number[], data: ArrayLike<number> | ConstantData): string;
  scalar(dtype: DType, value: number): string;
  /** A constant 1-D int32 tensor. */
  ints(values: readonly number[]): string;
  /** A 1-D int32 tensor holding the dimensions, computed from the batch size where one depends on it. */
  dims(shape: Shape): string;
  /** Reshape, with -1 for a single dimension that depends on the batch size. */
  reshape(x: string, shape: Shape): string;
  /** A tensor filled with one number; of any shape. */
  fill(dtype: DType, shape: Shape, value: number): string;
}

/** Writes one kernel call; returns the names of its outputs in the order of `node.outputs`. */
export type GraphModelLowering<K extends KernelName> = (
  emit: GraphModelEmitter,
  node: KernelNode<K>,
  inputs: readonly string[],
) => readonly string[];

/** One lowering for every kernel that can be traced: a kernel without one does not compile. */
export type GraphModelLowerings = { readonly [K in KernelName]: GraphModelLowering<K> };

/** Thrown inside a lowering for a use of a kernel that GraphModel's ops cannot express. */
export class NotInGraphModel extends Error {
  override readonly name = 'NotInGraphModel';
}

/** Refuses a node; `reason` completes "cannot be written as a GraphModel: ...". */
export function refuse(reason: string): never {
  throw new NotInGraphModel(reason);
}
