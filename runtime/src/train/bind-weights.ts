import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { messageOf, UserError } from '../errors.ts';
import type { DType, HostTensor } from '../program/tensor.ts';

/** Field numbers of onnx.proto's ModelProto and GraphProto. */
const field = { modelGraph: 7, graphInitializer: 5, graphInput: 11, valueInfoName: 1 };
/** TensorProto.DataType */
const dataTypes: Record<DType, number> = { float32: 1, int32: 6, bool: 9 };

/**
 * Puts weights into an ONNX program that takes them as inputs: each named input becomes a constant of the file. The
 * rest of the file is copied as it is.
 * @param weights by the names of the inputs; those that the program does not have are left out
 * @throws UserError when the bytes are no ONNX model.
 */
export function bindWeights(onnx: Uint8Array, weights: Readonly<Record<string, HostTensor>>): Uint8Array {
  const writer = new BinaryWriter();
  let graphs = 0;
  for (const { number, raw, content } of fieldsOf(onnx)) {
    if (number !== field.modelGraph || content === null) {
      writer.raw(raw);
      continue;
    }
    graphs++;
    writer.tag(number, WireType.LengthDelimited).bytes(bindGraph(content, weights));
  }
  if (graphs !== 1) throw new UserError(`expected an ONNX model with one graph, found ${graphs}`);
  return writer.finish();
}

function bindGraph(graph: Uint8Array, weights: Readonly<Record<string, HostTensor>>): Uint8Array {
  const writer = new BinaryWriter();
  for (const { number, raw, content } of fieldsOf(graph)) {
    const name = number === field.graphInput && content !== null ? nameOf(content) : undefined;
    const tensor = name === undefined || !Object.hasOwn(weights, name) ? undefined : weights[name];
    if (tensor === undefined) writer.raw(raw);
    else writer.tag(field.graphInitializer, WireType.LengthDelimited).bytes(tensorProto(name!, tensor));
  }
  return writer.finish();
}

interface Field {
  readonly number: number;
  /** The field with its tag. */
  readonly raw: Uint8Array;
  /** What a length-delimited field holds; null for the others. */
  readonly content: Uint8Array | null;
}

function fieldsOf(message: Uint8Array): Field[] {
  const reader = new BinaryReader(message);
  const fields: Field[] = [];
  try {
    while (reader.pos < reader.len) {
      const start = reader.pos;
      const [number, type] = reader.tag();
      const content = type === WireType.LengthDelimited ? reader.bytes() : null;
      if (content === null) reader.skip(type);
      fields.push({ number, raw: message.subarray(start, reader.pos), content });
    }
  } catch (error) {
    throw new UserError(`expected an ONNX model, found other bytes (${messageOf(error)})`);
  }
  return fields;
}

function nameOf(valueInfo: Uint8Array): string | undefined {
  for (const { number, content } of fieldsOf(valueInfo)) {
    if (number === field.valueInfoName && content !== null) return new TextDecoder().decode(content);
  }
  return undefined;
}

/** TensorProto: dims, data_type, name, raw_data. */
function tensorProto(name: string, { dtype, shape, data }: HostTensor): Uint8Array {
  const writer = new BinaryWriter();
  for (const dim of shape) writer.tag(1, WireType.Varint).int64(dim);
  writer.tag(2, WireType.Varint).int32(dataTypes[dtype]);
  writer.tag(8, WireType.LengthDelimited).string(name);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  writer.tag(9, WireType.LengthDelimited).bytes(bytes);
  return writer.finish();
}
