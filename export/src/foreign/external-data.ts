import { UserError } from '@generatrix/runtime/core';
import { largestOnnx } from '../onnx/write.ts';
import {
  contents,
  encodeField,
  type Field,
  integer,
  joinBytes,
  readFields,
  text,
} from './protobuf-fields.ts';

/** Fields of TensorProto: its values, where they lie outside, and that they do. */
const tensorFields = { raw: 9, external: 13, location: 14 } as const;

/** Field numbers of the messages that hold tensors or graphs, by message. */
const inside: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
};

/**
 * An ONNX model whose weights lie in other files as one that holds them.
 * @param where what errors call the file
 * @param read gives a file by the location that the model names; it decides which it reads
 * @returns the bytes as they came where no weight lies outside, or they are no ONNX file
 * @throws UserError for weights beyond the end of their file, and models that would be larger than a file may be.
 */
export async function withWeightsInside(
  bytes: Uint8Array,
  where: string,
  read: (location: string) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const tensors: { location: string; length: number | undefined }[] = [];
  try {
    visit(bytes, 'model', (tensor) => {
      tensors.push(outsideOf(tensor));
      return null;
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    return bytes; // What it is instead is said by who reads it.
  }
  if (tensors.length === 0) return bytes;
  const files = new Map<string, Uint8Array>();
  for (const { location } of tensors) {
    if (!files.has(location)) files.set(location, await read(location));
  }
  const sizes = tensors.map(({ location, length }) => length ?? files.get(location)!.length);
  const total = sizes.reduce((a, b) => a + b, bytes.length);
  if (total > largestOnnx) {
    throw new UserError(
      `${where}: with its weights it has ${total} bytes; a bundle's program is below 2 GiB`,
    );
  }
  return visit(bytes, 'model', (tensor) => {
    const { location, offset, length } = outsideOf(tensor);
    const file = files.get(location)!;
    const end = length === undefined ? file.length : offset + length;
    if (!(offset >= 0 && end >= offset && end <= file.length)) {
      throw new UserError(
        `${where}: its weight '${text(tensor, 8)}' is at bytes ${offset} to ${end} of ${location}, which has ${file.length}; copy the files again`,
      );
    }
    const kept = tensor.filter(
      ({ number }) => number !== tensorFields.external && number !== tensorFields.location,
    );
    return joinBytes([
      ...kept.map(({ raw }) => raw),
      encodeField(tensorFields.raw, file.subarray(offset, end)),
    ]);
  });
}

function isOutside(tensor: readonly Field[]): boolean {
  return integer(tensor, tensorFields.location) === 1 || contents(tensor, tensorFields.external).length > 0;
}

function outsideOf(tensor: readonly Field[]) {
  const entries = contents(tensor, tensorFields.external).map((entry) => {
    const fields = readFields(entry);
    return [text(fields, 1), text(fields, 2)] as const;
  });
  const { location = '', offset = '0', length } = Object.fromEntries(entries) as Record<string, string>;
  return { location, offset: Number(offset), length: length === undefined ? undefined : Number(length) };
}

/** The message with those tensors replaced whose values lie outside, and for which `change` gives another. */
function visit(
  bytes: Uint8Array,
  kind: string,
  change: (tensor: readonly Field[]) => Uint8Array | null,
): Uint8Array {
  const fields = readFields(bytes);
  if (kind === 'tensor') return (isOutside(fields) ? change(fields) : null) ?? bytes;
  let changed = false;
  const parts = fields.map((field) => {
    const inner = inside[kind]![field.number];
    if (inner === undefined || field.content === undefined) return field.raw;
    const replaced = visit(field.content, inner, change);
    if (replaced === field.content) return field.raw;
    changed = true;
    return encodeField(field.number, replaced);
  });
  return changed ? joinBytes(parts) : bytes;
}
