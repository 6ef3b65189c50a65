import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { UserError } from '../../errors.ts';

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
const externalData = 13;
const dataLocation = 14;
const deepest = 100;

/**
 * Refuses a program whose weights lie in another file: onnxruntime would open whatever path it names (CVE-2022-25882
 * and its successors). Bundles carry their weights inside.
 * @param where what errors call the program
 * @throws UserError when it does, or when the bytes are no ONNX program at all.
 */
export function refuseExternalData(where: string, onnx: Uint8Array): void {
  // These letters mark onnxruntime's own format, which it would load without this check of the weights.
  const isOrtFormat = new TextDecoder('latin1').decode(onnx.subarray(4, 8)) === 'ORTM';
  if (onnx.length === 0 || isOrtFormat) throw notOnnx(where);
  try {
    walk(where, onnx, 'model', 0);
  } catch (error) {
    throw error instanceof UserError ? error : notOnnx(where);
  }
}

/** @throws what the reader throws when the bytes are no such message. */
function walk(where: string, bytes: Uint8Array, message: string, depth: number): void {
  if (depth > deepest) throw new UserError(`${where} nests its graphs more than ${deepest} deep`);
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const inner = fields[message]?.[field];
    if (message === 'tensor' && (field === externalData || field === dataLocation)) {
      if (field === dataLocation && wire === WireType.Varint && reader.int32() === 0) continue;
      throw new UserError(
        `${where} keeps weights in another file; bundles carry them inside: export it again`,
      );
    }
    // Groups are of a protobuf older than ONNX.
    if (wire === WireType.StartGroup) throw notOnnx(where);
    if (inner && wire === WireType.LengthDelimited) walk(where, reader.bytes(), inner, depth + 1);
    else reader.skip(wire, field);
  }
}

function notOnnx(where: string): UserError {
  return new UserError(`${where} is no ONNX program`);
}
