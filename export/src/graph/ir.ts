import type { DType } from '@generatrix/runtime/core';
import type { KernelAttrs, KernelName } from '../kernels/names.ts';

/** A dimension: a plain number, or `scale * batch + offset` in a graph whose batch size is symbolic. */
export type Dim = number | SymbolicDim;
export interface SymbolicDim {
  readonly scale: number;
  readonly offset: number;
}

export type Shape = readonly Dim[];
export type ConstantData = Float32Array | Int32Array | Uint8Array;

/** A tensor that flows through a graph. Identity is by object; `id` is unique within one trace. */
export interface Value {
  readonly id: number;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A place in the user's code as text, `FILE:LINE:COLUMN`, or empty; it may be found only when it is read. */
export interface Place {
  toString(): string;
}

interface NodeBase {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** The user's file and line that called the op, for error messages; empty when unknown. */
  readonly where: Place;
}

/** A tfjs kernel call. Inputs stand in the order that `kernelInputNames` gives. */
export interface KernelNode<K extends KernelName = KernelName> extends NodeBase {
  readonly op: 'kernel';
  readonly kernel: K;
  readonly attrs: KernelAttrs[K];
}

/** A tensor known when traced: weights, literals. Its one output's shape holds plain numbers only. */
export interface ConstantNode extends NodeBase {
  readonly op: 'constant';
  readonly data: ConstantData;
}

/** A tensor filled with one number, of a shape that may depend on the batch size. */
export interface SplatNode extends NodeBase {
  readonly op: 'splat';
  readonly value: number;
}

/**
 * A loop of fixed length. `inputs` are the initial carries, then the sequences (scanned along axis 0), then
 * the captured values of the surroundings. `body.inputs` are the carries, one slice of each sequence, and the
 * captures, in that order; `body.outputs` are the new carries, then one slice of each result. `outputs` are
 * the final carries, then the stacked results. A reversed loop starts at the last slices; what a step returns
 * stands where its slices stood.
 */
export interface ScanNode extends NodeBase {
  readonly op: 'scan';
  readonly length: number;
  readonly carries: number;
  readonly sequences: number;
  readonly reversed: boolean;
  readonly body: Graph;
}

export type Node = AnyKernelNode | ConstantNode | SplatNode | ScanNode;
/** The union over kernel names, so that narrowing `kernel` narrows `attrs`. */
export type AnyKernelNode = { [K in KernelName]: KernelNode<K> }[KernelName];

export interface Port {
  readonly name: string;
  readonly value: Value;
}

/** A recorded program: nodes in an order where every value is defined before it is used. */
export interface Graph {
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly nodes: readonly Node[];
}

/** True when the dimension depends on the batch size. */
export function isSymbolic(dim: Dim): dim is SymbolicDim {
  return typeof dim !== 'number';
}

/** The dimension as text: `28`, `b`, `2b`, `b+1`. */
export function printDim(dim: Dim): string {
  if (!isSymbolic(dim)) return String(dim);
  const scaled = dim.scale === 1 ? 'b' : `${dim.scale}b`;
  if (dim.offset === 0) return scaled;
  return dim.offset > 0 ? `${scaled}+${dim.offset}` : `${scaled}${dim.offset}`;
}

/**
 * The shape with every dimension a plain number.
 * @throws when a dimension depends on the batch size.
 */
export function concreteShape(shape: Shape, what: string): number[] {
  return shape.map((dim) => {
    if (isSymbolic(dim)) throw new Error(`${what}: dimension ${printDim(dim)} depends on the batch size`);
    return dim;
  });
}
