import type { HostTensor } from '../program/tensor.ts';

const descriptions = { float32: '<f4', int32: '<i4', bool: '|b1' } as const;

/** A tensor as a .npy file, version 1.0 of the format (NumPy Enhancement Proposal 1): little-endian, C order. */
export function npyBytes({ dtype, shape, data }: HostTensor): Uint8Array {
  const header = npyHeader({ dtype, shape });
  const bytes = new Uint8Array(header.length + data.byteLength);
  bytes.set(header);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
  return bytes;
}

/** What stands before the values of a .npy file. */
export function npyHeader({ dtype, shape }: Pick<HostTensor, 'dtype' | 'shape'>): Uint8Array {
  const shapeText = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const header = `{'descr': '${descriptions[dtype]}', 'fortran_order': False, 'shape': (${shapeText}), }`;
  // Magic, version and header length take 10 bytes; the header ends with a newline on a multiple of 64.
  const padded = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`;
  const bytes = new Uint8Array(10 + padded.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  bytes.set(new TextEncoder().encode(padded), 10);
  return bytes;
}
