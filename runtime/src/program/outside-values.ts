import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { UserError } from '../errors.ts';

/**
 * Messages of onnx.proto that lead to a tensor, by field number. A TensorProto's `external_data` (13) and
 * `data_location` (14) name a file that onnxruntime would open.
 */
const fields: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparseTensor' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparseTensor', 23: 'sparseTensor' },
  sparseTensor: { 1: 'tensor', 2: 'tensor' },
};
const tensorFields = { name: 8, externalData: 13, dataLocation: 14 } as const;
const deepest = 100;

/** The files that a program may take weights from, by the names under which it refers to them. */
type Files = Readonly<Record<string, Uint8Array>>;

/**
 * Refuses a program that takes weights from anywhere but the files given: onnxruntime would open whatever path it
 * names (CVE-2022-25882 and its successors). A name is compared, never resolved.
 * @param where what errors call the program
 * @param files those that are held ready for it; none where it has its weights inside
 * @throws UserError naming the weight and the file; also when the bytes are no ONNX program at all.
 */
export function checkOutsideValues(where: string, onnx: Uint8Array, files: Files = {}): void {
  // These letters mark onnxruntime's own format, which it would load without this check of the weights.
  const isOrtFormat = new TextDecoder('latin1').decode(onnx.subarray(4, 8)) === 'ORTM';
  if (onnx.length === 0 || isOrtFormat) throw notOnnx(where);
  try {
    walk(where, onnx, 'model', 0, files);
  } catch (error) {
    throw error instanceof UserError ? error : notOnnx(where);
  }
}

/** @throws what the reader throws when the bytes are no such message. */
function walk(where: string, bytes: Uint8Array, message: string, depth: number, files: Files): void {
  if (depth > deepest) throw new UserError(`${where} nests its graphs more than ${deepest} deep`);
  if (message === 'tensor') {
    checkTensor(where, bytes, files);
    return;
  }
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const inner = fields[message]?.[field];
    // Groups are of a protobuf older than ONNX.
    if (wire === WireType.StartGroup) throw notOnnx(where);
    if (inner && wire === WireType.LengthDelimited) walk(where, reader.bytes(), inner, depth + 1, files);
    else reader.skip(wire, field);
  }
}

function checkTensor(where: string, bytes: Uint8Array, files: Files): void {
  const entries = new Map<string, string>();
  let [name, outside] = ['', false];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === WireType.StartGroup) throw notOnnx(where);
    if (field === tensorFields.name && wire === WireType.LengthDelimited) name = reader.string();
    else if (field === tensorFields.externalData) {
      outside = true;
      if (wire === WireType.LengthDelimited) readEntry(reader.bytes(), entries);
      else reader.skip(wire, field);
    } else if (field === tensorFields.dataLocation) {
      if (wire !== WireType.Varint || reader.int32() !== 0) outside = true;
      if (wire !== WireType.Varint) reader.skip(wire, field);
    } else reader.skip(wire, field);
  }
  if (!outside) return;
  const location = entries.get('location') ?? '';
  const known = Object.keys(files);
  if (!Object.hasOwn(files, location)) {
    throw new UserError(
      `${where} keeps the weight '${name}' in another file, '${location}', where only ${known.join(' and ') || 'none'} ` +
        'may hold weights of it: export it again',
    );
  }
  const size = files[location]!.length;
  const offset = byteCount(entries.get('offset') ?? '0');
  const length = byteCount(entries.get('length') ?? String(size - offset));
  if (!(offset + length <= size)) {
    throw new UserError(
      `${where} has the weight '${name}' at bytes ${offset} to ${offset + length} of ${location}, which has ${size}: export it again`,
    );
  }
}

/** StringStringEntryProto. @throws when a key comes twice: readers differ on which of the two counts. */
function readEntry(bytes: Uint8Array, entries: Map<string, string>): void {
  const reader = new BinaryReader(bytes);
  let [key, value] = ['', ''];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 1 && wire === WireType.LengthDelimited) key = reader.string();
    else if (field === 2 && wire === WireType.LengthDelimited) value = reader.string();
    else reader.skip(wire, field);
  }
  if (entries.has(key)) throw new Error('a key twice');
  entries.set(key, value);
}

/** NaN for anything but a plain whole number. */
function byteCount(text: string): number {
  return /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
}

function notOnnx(where: string): UserError {
  return new UserError(`${where} is no ONNX program`);
}
