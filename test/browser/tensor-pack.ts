import { type DType, type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime/core';

/** What travels between a test and its page in one piece: some text, bytes of a program, tensors. */
export interface Packet {
  readonly text: string;
  readonly program: Uint8Array;
  /** Files that the program takes weights from, by their names; none when absent. */
  readonly weights?: Readonly<Record<string, Uint8Array>>;
  readonly tensors: Readonly<Record<string, HostTensor>>;
}

interface Header {
  readonly text: string;
  readonly programBytes: number;
  readonly weights: readonly { name: string; bytes: number }[];
  readonly tensors: readonly { name: string; dtype: DType; shape: readonly number[] }[];
}

/** Bytes rounded up to 4, so that every tensor starts where a Float32Array may. */
const padded = (bytes: number) => Math.ceil(bytes / 4) * 4;

/** Layout: header length (uint32, little-endian), header (JSON), program, weights, tensors in order, each padded to 4. */
export function pack({ text, program, weights = {}, tensors }: Packet): Uint8Array<ArrayBuffer> {
  const entries = Object.entries(tensors);
  const header: Header = {
    text,
    programBytes: program.byteLength,
    weights: Object.entries(weights).map(([name, { byteLength: bytes }]) => ({ name, bytes })),
    tensors: entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
  };
  const headerBytes = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(new Uint32Array([headerBytes.byteLength]).buffer);
  const payloads = entries.map(
    ([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
  const parts = [length, headerBytes, program, ...Object.values(weights), ...payloads];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + padded(part.byteLength), 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += padded(part.byteLength);
  }
  return bytes;
}

/** The reverse of `pack`, bit for bit: NaN payloads and infinities survive. */
export function unpack(bytes: Uint8Array): Packet {
  // Not bytes.slice(): on a Node Buffer that is a view into a shared pool, not a copy.
  const buffer = new Uint8Array(bytes).buffer;
  const headerLength = new Uint32Array(buffer, 0, 1)[0]!;
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, headerLength))) as Header;
  let offset = 4 + padded(headerLength);
  const program = new Uint8Array(buffer, offset, header.programBytes);
  offset += padded(header.programBytes);
  const weights: Record<string, Uint8Array> = {};
  for (const { name, bytes: size } of header.weights) {
    weights[name] = new Uint8Array(buffer, offset, size);
    offset += padded(size);
  }
  const tensors: Record<string, HostTensor> = {};
  for (const { name, dtype, shape } of header.tensors) {
    const size = sizeOf(shape);
    const storage = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
    const data = new storage(buffer, offset, size);
    tensors[name] = hostTensor(dtype, shape, data);
    offset += padded(data.byteLength);
  }
  return { text: header.text, program, weights, tensors };
}
