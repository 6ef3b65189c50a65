import { UserError } from '@generatrix/runtime/core';
import { unzipSync } from 'fflate';
import { firstLine, readBytes } from './files.ts';

/** Where the values of an array lie in its file, and what they are. */
export interface NpyHeader {
  readonly shape: readonly number[];
  /** NumPy's name of the element type, without byte order: `f4`, `u1`, ... */
  readonly dtype: string;
  /** Bytes before the first value. */
  readonly offset: number;
  readonly bytesPerValue: number;
  readonly littleEndian: boolean;
  /** Whether the first axis is the fastest (Fortran order) rather than the last. */
  readonly columnMajor: boolean;
}

/** A decoded NumPy array. */
export interface NpyArray extends NpyHeader {
  /** Row-major. Eight-byte integers are converted to doubles: exact up to 2^53. */
  readonly values: Uint8Array | Float32Array | Float64Array;
}

type Reader = (view: DataView, at: number, little: boolean) => number;

/** Readers of one element of each type, at a byte offset. */
const elements: Readonly<Record<string, { bytes: number; read: Reader }>> = {
  f2: { bytes: 2, read: (view, at, little) => halfToNumber(view.getUint16(at, little)) },
  f4: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  f8: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  i2: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  i4: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  i8: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u2: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  u4: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  u8: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  b1: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

/** Is this machine's order of bytes that of the files? */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Bytes from the start of a file that hold any header worth reading. */
export const npyHeaderBytes = 64 * 1024;

/**
 * Reads the header of a `.npy` file (NumPy Enhancement Proposal 1, versions 1 to 3): real numbers of any width and byte
 * order, in C or Fortran order.
 * @param bytes the file's, from its start, `npyHeaderBytes` of them if there are as many
 * @param fileBytes length of the whole file
 * @throws UserError when it is no such file, of a type not read here, or of the wrong length.
 */
export function readNpyHeader(path: string, bytes: Uint8Array, fileBytes: number): NpyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 10 || magic.some((byte, at) => bytes[at] !== byte)) {
    throw new UserError(
      `${path}: expected a NumPy array (.npy), found another kind of file; save it with numpy.save`,
    );
  }
  if (bytes[6]! < 1 || bytes[6]! > 3) {
    throw new UserError(`${path}: expected version 1 to 3 of the format, found ${bytes[6]}; save it again`);
  }
  const wide = bytes[6]! >= 2;
  const headerStart = wide ? 12 : 10;
  const headerEnd =
    headerStart + (wide && bytes.length >= 12 ? view.getUint32(8, true) : view.getUint16(8, true));
  if (headerEnd > bytes.length) {
    throw new UserError(
      `${path}: expected a header of ${headerEnd} bytes, found ${bytes.length}; fetch it again`,
    );
  }
  const { descr, shape, columnMajor } = parseHeader(
    path,
    new TextDecoder().decode(bytes.subarray(headerStart, headerEnd)),
  );
  const dtype = descr.slice(1);
  const element = elements[dtype];
  if (!element || !'<>|='.includes(descr[0]!)) {
    throw new UserError(
      `${path}: expected real numbers (${Object.keys(elements).join(' ')}), found type ${descr}; ` +
        "save array.astype('<f4')",
    );
  }
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (fileBytes - headerEnd !== size * element.bytes) {
    throw new UserError(
      `${path}: expected ${size * element.bytes} bytes for shape [${shape}] of ${dtype}, found ` +
        `${fileBytes - headerEnd}; fetch it again`,
    );
  }
  if (size === 0)
    throw new UserError(
      `${path}: expected examples, found an empty array of shape [${shape}]; save it again`,
    );
  const littleEndian = descr[0] !== '>';
  return { shape, dtype, offset: headerEnd, bytesPerValue: element.bytes, littleEndian, columnMajor };
}

/** Values from their bytes as a file has them; floats of 32 bits and bytes stay what they are. */
export function npyValues(
  bytes: Uint8Array,
  { dtype, bytesPerValue, littleEndian }: NpyHeader,
): NpyArray['values'] {
  // A Buffer's own slice() shares its memory, which a plain array's does not.
  if (bytesPerValue === 1 && dtype !== 'i1')
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytes.length / bytesPerValue;
  if (dtype === 'f4' && bytes.byteOffset % 4 === 0 && isLittleEndian && littleEndian) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, size);
  }
  const { read } = elements[dtype]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = dtype === 'f4' || dtype === 'f2' ? new Float32Array(size) : new Float64Array(size);
  for (let n = 0; n < size; n++) values[n] = read(view, n * bytesPerValue, littleEndian);
  return values;
}

/**
 * Reads a whole `.npy` file, packed with gzip or not, or the one array of an `.npz` archive.
 * @throws UserError when it is missing, or as `readNpyHeader` says.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  const file = await readBytes(path, 'a NumPy array (.npy)');
  const bytes = isArchive(file) ? onlyArray(file, path) : file;
  const header = readNpyHeader(path, bytes, bytes.length);
  const values = npyValues(bytes.subarray(header.offset), header);
  return { ...header, values: header.columnMajor ? rowMajor(values, header.shape) : values };
}

/** Whether a file's first bytes are those of a zip archive. */
function isArchive(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

/** The array of an archive that holds one, or, of several, the one that is called data, x or images. */
function onlyArray(bytes: Uint8Array, path: string): Uint8Array {
  let members: Record<string, Uint8Array>;
  try {
    members = unzipSync(bytes, { filter: ({ name }) => name.endsWith('.npy') });
  } catch (error) {
    throw new UserError(
      `${path}: expected a NumPy archive (.npz), found a broken one (${firstLine(error)}); save it again`,
    );
  }
  const names = Object.keys(members);
  const known = names.filter((name) => ['data', 'x', 'images'].includes(name.slice(0, -4).toLowerCase()));
  const chosen = names.length === 1 ? names : known;
  if (chosen.length !== 1) {
    const found = names.length === 0 ? 'none' : names.map((name) => name.slice(0, -4)).join(', ');
    throw new UserError(
      `${path}: expected one array, or one called data, x or images, found ${found}; save the one to train on with numpy.save`,
    );
  }
  return members[chosen[0]!]!;
}

/** Values whose first axis is fastest, with the last fastest instead. */
function rowMajor<V extends NpyArray['values']>(values: V, shape: readonly number[]): V {
  const out = values.slice() as V;
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((product, dim) => product * dim, 1));
  const at = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < values.length; to++) {
    out[to] = values[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]!++;
      from += strides[axis]!;
      if (at[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      at[axis] = 0;
    }
  }
  return out;
}

/** The number that 16 bits stand for (IEEE 754 binary16). */
function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Takes the three entries from the header, a Python dictionary written on one line. */
function parseHeader(
  where: string,
  header: string,
): { descr: string; shape: number[]; columnMajor: boolean } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (order === undefined || dims === undefined || descr === undefined) {
    throw new UserError(
      `${where}: expected a plain array's header, found ${header.trim().slice(0, 80)}; save one numeric array`,
    );
  }
  const shape = dims
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number);
  return { descr, shape, columnMajor: order === 'True' };
}
