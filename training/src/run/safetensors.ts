import { open } from 'node:fs/promises';
import {
  type DType,
  type HostTensor,
  hostTensor,
  messageOf,
  sizeOf,
  UserError,
} from '@generatrix/runtime/core';
import { checkHeader, maximumHeaderBytes, type TensorEntry } from './safetensors-header.ts';

/** Named tensors with the strings that safetensors calls `__metadata__`. */
export interface TensorFile {
  readonly tensors: Record<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

const nameOfType = { float32: 'F32', int32: 'I32', bool: 'BOOL' } as const satisfies Record<DType, string>;

/**
 * Encodes tensors as a safetensors file: 8 bytes of header length (little-endian), a JSON header padded with
 * spaces to a multiple of 8, then the values, little-endian and row-major, in the order of the sorted names.
 * Format: https://github.com/huggingface/safetensors, section "Format".
 * @throws when a tensor's data and shape disagree, or it is called `__metadata__`.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(tensors).sort();
  const header: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) header.push(['__metadata__', metadata]);
  let offset = 0;
  for (const name of names) {
    const { dtype, shape, data } = tensors[name]!;
    if (name === '__metadata__') throw new Error('encodeSafetensors: a tensor cannot be called __metadata__');
    if (data.length !== sizeOf(shape)) {
      throw new Error(
        `encodeSafetensors: tensor '${name}' of shape [${shape}] needs ${sizeOf(shape)} values, got ${data.length}`,
      );
    }
    const end = offset + data.byteLength;
    header.push([name, { dtype: nameOfType[dtype], shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  // Padded, so that the values are aligned for readers that map the file.
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, 8, 8 + headerBytes);
  bytes.set(text, 8);
  let position = 8 + headerBytes;
  for (const name of names) {
    const values = bytesOf(tensors[name]!);
    bytes.set(values, position);
    position += values.length;
  }
  return bytes;
}

/**
 * Decodes a safetensors file. Every value is copied out of `bytes`.
 * @param where the file's name, for errors
 * @throws UserError naming the file, and the tensor where there is one, when the header is too long, no JSON or
 * of another form, a type is none of F32, I32 and BOOL, sizes disagree, ranges overlap or leave gaps, or bytes
 * are missing or left over.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): TensorFile {
  const headerBytes = headerLength(bytes, where);
  const dataStart = 8 + headerBytes;
  const text = new TextDecoder('utf-8', { fatal: true });
  let header: unknown;
  try {
    header = JSON.parse(text.decode(bytes.subarray(8, dataStart)));
  } catch (error) {
    throw new UserError(
      `${where}: expected a safetensors header in JSON, found something else (${messageOf(error)}); ` +
        'the file is damaged or of another kind',
    );
  }
  const { entries, metadata } = checkHeader(header, bytes.length - dataStart, where);
  const read = entries.map((entry) => [entry.name, tensorOf(entry, bytes, dataStart, where)] as const);
  return { tensors: Object.fromEntries(read), metadata };
}

/** Reads and decodes a safetensors file. @throws UserError as `decodeSafetensors`, and when it cannot be read. */
export async function readSafetensors(path: string): Promise<TensorFile> {
  const bytes = await readWhole(path).catch((error: unknown) => {
    throw new UserError(
      `${path}: expected a readable safetensors file (${messageOf(error)}); check the path`,
    );
  });
  return decodeSafetensors(bytes, path);
}

/** The tensor's storage as bytes: little-endian, as every platform that Node and onnxruntime support is. */
export function bytesOf({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function headerLength(bytes: Uint8Array, where: string): number {
  if (bytes.length < 8) {
    throw new UserError(
      `${where}: expected a safetensors file, found ${bytes.length} bytes; the file is cut short`,
    );
  }
  const declared = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (declared > BigInt(maximumHeaderBytes)) {
    throw new UserError(
      `${where}: expected a safetensors header of at most ${maximumHeaderBytes} bytes, found a length of ` +
        `${declared}; the file is damaged or of another kind`,
    );
  }
  if (BigInt(bytes.length - 8) < declared) {
    throw new UserError(
      `${where}: expected a header of ${declared} bytes, found ${bytes.length - 8}; the file is cut short`,
    );
  }
  return Number(declared);
}

function tensorOf(entry: TensorEntry, bytes: Uint8Array, dataStart: number, where: string): HostTensor {
  const { name, dtype, shape, begin, end } = entry;
  // A copy, as offsets of other writers need not be aligned to the element size.
  const copy = bytes.slice(dataStart + begin, dataStart + end);
  if (dtype === 'float32') return hostTensor(dtype, shape, new Float32Array(copy.buffer));
  if (dtype === 'int32') return hostTensor(dtype, shape, new Int32Array(copy.buffer));
  const wrong = copy.find((value) => value > 1);
  if (wrong !== undefined) {
    throw new UserError(
      `${where}: tensor '${name}': expected bytes 0 and 1 for BOOL, found ${wrong}; the file is damaged`,
    );
  }
  return hostTensor(dtype, shape, copy);
}

/** In pieces, since `readFile` refuses files of 2 GiB and more. */
async function readWhole(path: string): Promise<Uint8Array> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(size);
    let position = 0;
    while (position < size) {
      const { bytesRead } = await handle.read(bytes, position, Math.min(size - position, 2 ** 30), position);
      if (bytesRead === 0) return bytes.subarray(0, position);
      position += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
