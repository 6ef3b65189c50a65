import { UserError } from '@generatrix/runtime/core';
import { readBytes } from './files.ts';

/** Where the values of an IDX file of unsigned bytes lie. */
export interface IdxHeader {
  readonly shape: readonly number[];
  /** Bytes before the first value. */
  readonly offset: number;
}

/** A decoded IDX file of unsigned bytes. */
export interface IdxBytes extends IdxHeader {
  /** Row-major values, a view of the file. */
  readonly values: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes, packed with gzip or not.
 * @param rank number of dimensions expected
 * @throws UserError when the file is missing, of another kind, truncated or too long.
 */
export async function readIdx(path: string, rank: number, purpose: string): Promise<IdxBytes> {
  const bytes = await readBytes(path, purpose);
  const header = readIdxHeader(path, bytes, bytes.length, rank, purpose);
  return { ...header, values: bytes.subarray(header.offset) };
}

/**
 * Reads the header of an IDX file. The format (LeCun's MNIST page): two zero bytes, the element type (0x08 is unsigned
 * byte), the number of dimensions, each dimension as a big-endian 32-bit integer, then the values.
 * @param bytes the file's, from its start: the header at least
 * @param fileBytes length of the whole file
 * @param rank number of dimensions expected
 * @throws UserError when the file is of another kind, truncated or too long.
 */
export function readIdxHeader(
  path: string,
  bytes: Uint8Array,
  fileBytes: number,
  rank: number,
  purpose: string,
): IdxHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = 4 + 4 * rank;
  const magic = bytes.length >= 4 ? view.getUint32(0) : -1;
  if (magic !== 0x0800 + rank) {
    const found = magic < 0 ? `only ${bytes.length} bytes` : `magic 0x${magic.toString(16).padStart(8, '0')}`;
    throw new UserError(
      `${path}: expected ${purpose} (IDX magic 0x0000080${rank}), found ${found}; is it the right file?`,
    );
  }
  if (bytes.length < header) {
    throw new UserError(
      `${path}: expected an IDX header of ${header} bytes, found ${bytes.length}; fetch it again`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (fileBytes - header !== size) {
    throw new UserError(
      `${path}: expected ${size} values of shape [${shape}], found ${fileBytes - header}; fetch it again`,
    );
  }
  if (size === 0) {
    throw new UserError(`${path}: expected ${purpose}, found none (shape [${shape}]); fetch it again`);
  }
  return { shape, offset: header };
}
