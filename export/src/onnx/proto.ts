/**
 * Encodes the messages of onnx.proto (as of ONNX 1.12: IR version 8, opset 17) that programs need. Field numbers are
 * those of the published schema; only fields that are set are written.
 */

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DType } from '@generatrix/runtime/core';
import { type Dim, printDim } from '../graph/ir.ts';
import { type OnnxAttr, type OnnxDType, onnxIrVersion, onnxOpset, type Renames } from './lowering.ts';
import { Pieces } from './pieces.ts';

/** TensorProto.DataType */
const dataTypes: Record<OnnxDType, number> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 };
/** TensorProto.DataLocation */
const dataLocations = { external: 1 };
/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, int: 2, string: 3, graph: 5, ints: 7 };

/** The number of a type in TensorProto.DataType, as Cast's `to` takes it. */
export function onnxDataType(dtype: OnnxDType): number {
  return dataTypes[dtype];
}

/** Writes an embedded message. */
function message(writer: BinaryWriter, field: number, bytes: Uint8Array): void {
  writer.tag(field, WireType.LengthDelimited).bytes(bytes);
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function integer(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function encodeAttribute(name: string, value: OnnxAttr, renames: Renames): Uint8Array {
  const writer = new BinaryWriter();
  text(writer, 1, name);
  const kind = (type: number) => integer(writer, 20, type);
  if (typeof value === 'number') {
    integer(writer, 3, value);
    kind(attributeTypes.int);
  } else if (typeof value === 'string') {
    text(writer, 4, value);
    kind(attributeTypes.string);
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    kind(attributeTypes.float);
  } else if ('graph' in value) {
    message(writer, 6, value.graph(renames));
    kind(attributeTypes.graph);
  } else {
    for (const entry of value) integer(writer, 8, entry);
    kind(attributeTypes.ints);
  }
  return writer.finish();
}

/** A node before it is encoded. */
export interface OnnxNode {
  readonly type: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Record<string, OnnxAttr>;
}

/** NodeProto */
export function encodeNode(node: OnnxNode, renames: Renames = new Map()): Uint8Array {
  const writer = new BinaryWriter();
  for (const input of node.inputs) text(writer, 1, renames.get(input) ?? input);
  for (const output of node.outputs) text(writer, 2, renames.get(output) ?? output);
  text(writer, 3, node.name);
  text(writer, 4, node.type);
  for (const [name, value] of Object.entries(node.attrs))
    message(writer, 5, encodeAttribute(name, value, renames));
  return writer.finish();
}

/** A constant tensor of a file. */
export interface Initializer {
  readonly name: string;
  readonly dtype: OnnxDType;
  readonly shape: readonly number[];
  /** The values, little-endian, as `rawBytes` gives them. */
  readonly raw: Uint8Array;
  /** The bytes of the constant whose axes were put in another order, where that was done. */
  readonly turnedFrom?: Uint8Array;
}

/** Where a tensor's values lie that are not inside the file: a file beside it by its name, and the bytes in it. */
export interface OutsideValues {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** TensorProto with its values inside the file, little-endian, or with the place where they lie. */
export function encodeTensor({ name, dtype, shape, raw }: Initializer, outside?: OutsideValues): Pieces {
  const writer = new BinaryWriter();
  for (const dim of shape) integer(writer, 1, dim);
  integer(writer, 2, dataTypes[dtype]);
  text(writer, 8, name);
  if (outside === undefined) return new Pieces().add(writer.finish()).field(9, raw);
  for (const [key, value] of Object.entries(outside)) {
    const entry = new BinaryWriter();
    text(entry, 1, key);
    text(entry, 2, String(value));
    message(writer, 13, entry.finish());
  }
  integer(writer, 14, dataLocations.external);
  return new Pieces().add(writer.finish());
}

/** The values in the storage of an `Initializer`. */
export function rawBytes(dtype: OnnxDType, data: ArrayLike<number>): Uint8Array {
  const typed = toTyped(dtype, data);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function toTyped(dtype: OnnxDType, data: ArrayLike<number>) {
  switch (dtype) {
    case 'float32':
      return data instanceof Float32Array ? data : Float32Array.from(data);
    case 'float64':
      return Float64Array.from(data);
    case 'int32':
      return data instanceof Int32Array ? data : Int32Array.from(data);
    case 'int64':
      return BigInt64Array.from(Array.from(data, BigInt));
    case 'bool':
      return Uint8Array.from(data, (value) => (value ? 1 : 0));
  }
}

/** A port's dimensions as a file declares them: a name of its own stands for any size, null for one not told. */
export type DeclaredShape = readonly (Dim | string | null)[];

/** ValueInfoProto: a graph's input or output. Symbolic dimensions get names, equal ones the same. */
export function encodeValueInfo(name: string, dtype: DType, shape: DeclaredShape): Uint8Array {
  const dims = new BinaryWriter();
  for (const dim of shape) {
    const entry = new BinaryWriter();
    if (typeof dim === 'number') integer(entry, 1, dim);
    else if (typeof dim === 'string') text(entry, 2, dim);
    else if (dim !== null) text(entry, 2, dim.scale === 1 && dim.offset === 0 ? 'batch' : printDim(dim));
    message(dims, 1, entry.finish());
  }
  const tensor = new BinaryWriter();
  integer(tensor, 1, dataTypes[dtype]);
  message(tensor, 2, dims.finish());
  const type = new BinaryWriter();
  message(type, 1, tensor.finish());
  const writer = new BinaryWriter();
  text(writer, 1, name);
  message(writer, 2, type.finish());
  return writer.finish();
}

/** GraphProto from encoded parts. */
export function encodeGraph(graph: {
  name: string;
  nodes: readonly Uint8Array[];
  initializers: readonly Pieces[];
  inputs: readonly Uint8Array[];
  outputs: readonly Uint8Array[];
}): Pieces {
  const pieces = new Pieces();
  for (const node of graph.nodes) pieces.field(1, node);
  pieces.field(2, new TextEncoder().encode(graph.name));
  for (const initializer of graph.initializers) pieces.field(5, initializer);
  for (const input of graph.inputs) pieces.field(11, input);
  for (const output of graph.outputs) pieces.field(12, output);
  return pieces;
}

/** ModelProto in the default operator domain. */
export function encodeModel(
  graph: Pieces,
  metadata: Readonly<Record<string, string>> = {},
  producerVersion = '',
): Pieces {
  const head = new BinaryWriter();
  integer(head, 1, onnxIrVersion);
  text(head, 2, 'generatrix');
  if (producerVersion !== '') text(head, 3, producerVersion);
  const tail = new BinaryWriter();
  const opset = new BinaryWriter();
  text(opset, 1, '');
  integer(opset, 2, onnxOpset);
  message(tail, 8, opset.finish());
  for (const [key, value] of Object.entries(metadata)) {
    const entry = new BinaryWriter();
    text(entry, 1, key);
    text(entry, 2, value);
    message(tail, 14, entry.finish());
  }
  return new Pieces().add(head.finish()).field(7, graph).add(tail.finish());
}
