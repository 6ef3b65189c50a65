import type { DType } from '@generatrix/runtime/core';
import { isSymbolic, type Shape } from '../graph/ir.ts';

/** A list of integers, as protobuf's JSON form of TensorFlow's `AttrValue` writes it: as strings. */
interface IntegerList {
  readonly list: { readonly i: readonly string[] };
}

interface TensorShapeProto {
  readonly dim: readonly { readonly size: string }[];
}

/** TensorFlow's `AttrValue` in protobuf's JSON form, as far as this writer uses it. */
export type AttrValue =
  | { readonly i: string }
  | { readonly f: number }
  | { readonly b: boolean }
  | { readonly s: string }
  | { readonly type: string }
  | { readonly shape: TensorShapeProto }
  | { readonly tensor: { readonly dtype: string; readonly tensorShape: TensorShapeProto } }
  | IntegerList;

export type Attrs = Readonly<Record<string, AttrValue>>;

/** TensorFlow's `NodeDef`: one op of a GraphModel. `input` names nodes, with `:i` for an output past the first. */
export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Attrs;
}

const dataTypes = { float32: 'DT_FLOAT', int32: 'DT_INT32', bool: 'DT_BOOL' } as const satisfies Record<
  DType,
  string
>;

/** TensorFlow's name of an element type. */
export function dataType(dtype: DType): string {
  return dataTypes[dtype];
}

/** A shape as a `TensorShapeProto`; -1 stands for a dimension that depends on the batch size. */
export function tensorShape(shape: Shape): TensorShapeProto {
  return { dim: shape.map((dim) => ({ size: isSymbolic(dim) ? '-1' : String(dim) })) };
}

/** Builders of attribute values. Strings are base64, which is how protobuf's JSON form carries bytes. */
export const attr = {
  int: (value: number): AttrValue => ({ i: String(value) }),
  float: (value: number): AttrValue => ({ f: value }),
  bool: (value: boolean): AttrValue => ({ b: value }),
  string: (value: string): AttrValue => ({ s: btoa(value) }),
  ints: (values: readonly number[]): AttrValue => ({ list: { i: values.map(String) } }),
  dtype: (dtype: DType): AttrValue => ({ type: dataType(dtype) }),
  shape: (shape: Shape): AttrValue => ({ shape: tensorShape(shape) }),
  /** Type and shape of a weight; its values lie in the weights file. */
  tensor: (dtype: DType, shape: Shape): AttrValue => ({
    tensor: { dtype: dataType(dtype), tensorShape: tensorShape(shape) },
  }),
};
