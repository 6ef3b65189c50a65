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
  // onnxruntime's own format is told by these letters, and it would be read without a look at its weights.
  const isOrtFormat = new TextDecoder('latin1').decode(onnx.subarray(4, 8)) === 'ORTM';
  if (onnx.length === 0 || isOrtFormat) throw notOnnx(where);
  walk(where, onnx, 'model', 0);
}

function walk(where: string, bytes: Uint8Array, message: string, depth: number): void {
  if (depth > deepest) throw new UserError(`${where} nests its graphs more than ${deepest} deep`);
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw notOnnx(where);
  };
  while (at < bytes.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    const wire = tag % 8;
    if (field === 0 || (wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5)) throw notOnnx(where);
    if (message === 'tensor' && (field === externalData || field === dataLocation)) {
      if (field === dataLocation && wire === 0 && varint() === 0) continue;
      throw new UserError(
        `${where} keeps weights in another file; bundles carry them inside: export it again`,
      );
    }
    if (wire === 0) varint();
    else {
      const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
      if (length > bytes.length - at) throw notOnnx(where);
      const inner = fields[message]?.[field];
      if (inner && wire === 2) walk(where, bytes.subarray(at, at + length), inner, depth + 1);
      at += length;
    }
  }
}

function notOnnx(where: string): UserError {
  return new UserError(`${where} is no ONNX program`);
}
