import { UserError } from '../errors.ts';
import { readBytes } from './files.ts';

/** Where the values of an array lie in its file, and what they are. */
export interface NpyHeader {
  readonly shape: readonly number[];
  /** NumPy's name of the element type, without byte order: `f4`, `u1`, ... */
  readonly dtype: string;
  /** Bytes before the first value. */
  readonly offset: number;
  readonly bytesPerValue: number;
}

/** A decoded NumPy array. */
export interface NpyArray extends NpyHeader {
  /** Row-major. Eight-byte integers are converted to doubles: exact up to 2^53. */
  readonly values: Uint8Array | Float32Array | Float64Array;
}

/** Readers of one element of each type, at a byte offset, little-endian. */
const elements: Readonly<Record<string, { bytes: number; read: (view: DataView, at: number) => number }>> = {
  f4: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  f8: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  i1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  i2: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  i4: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  i8: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  u1: { bytes: 1, read: (view, at) => view.getUint8(at) },
  u2: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  u4: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  u8: { bytes: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
  b1: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

/** Is this machine's order of bytes that of the files? */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/** Bytes from the start of a file that hold any header worth reading. */
export const npyHeaderBytes = 64 * 1024;

/**
 * Reads the header of a `.npy` file (NumPy Enhancement Proposal 1, versions 1 to 3): little-endian numbers in C order.
 * @param bytes the file's, from its start, `npyHeaderBytes` of them if there are as many
 * @param fileBytes length of the whole file
 * @throws UserError when it is no such file, of a type or order not read here, or of the wrong length.
 */
export function readNpyHeader(path: string, bytes: Uint8Array, fileBytes: number): NpyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 10 || magic.some((byte, at) => bytes[at] !== byte)) {
    throw new UserError(
      `${path}: expected a NumPy array (.npy), found another kind of file; save it with numpy.save`,
    );
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
  const { descr, shape } = parseHeader(
    path,
    new TextDecoder().decode(bytes.subarray(headerStart, headerEnd)),
  );
  const dtype = descr.slice(1);
  const element = elements[dtype];
  if (!element || (descr[0] !== '<' && descr[0] !== '|')) {
    throw new UserError(
      `${path}: expected little-endian numbers (${Object.keys(elements).join(' ')}), found type ${descr}; ` +
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
  return { shape, dtype, offset: headerEnd, bytesPerValue: element.bytes };
}

/** Values from their bytes as a file has them; floats of 32 bits and bytes stay what they are. */
export function npyValues(bytes: Uint8Array, { dtype, bytesPerValue }: NpyHeader): NpyArray['values'] {
  if (bytesPerValue === 1 && dtype !== 'i1') return bytes;
  const size = bytes.length / bytesPerValue;
  if (dtype === 'f4' && bytes.byteOffset % 4 === 0 && isLittleEndian) {
    return new Float32Array(bytes.buffer, bytes.byteOffset, size);
  }
  const { read } = elements[dtype]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = dtype === 'f4' ? new Float32Array(size) : new Float64Array(size);
  for (let n = 0; n < size; n++) values[n] = read(view, n * bytesPerValue);
  return values;
}

/**
 * Reads a whole `.npy` file, packed with gzip or not.
 * @throws UserError when it is missing, or as `readNpyHeader` says.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  const bytes = await readBytes(path, 'a NumPy array (.npy)');
  const header = readNpyHeader(path, bytes, bytes.length);
  return { ...header, values: npyValues(bytes.subarray(header.offset), header) };
}

/** Takes the three entries from the header, a Python dictionary written on one line. */
function parseHeader(path: string, header: string): { descr: string; shape: number[] } {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const dims = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1];
  if (order === undefined || dims === undefined || descr === undefined) {
    throw new UserError(
      `${path}: expected a plain array's header, found ${header.trim().slice(0, 80)}; save one numeric array`,
    );
  }
  if (order === 'True') {
    throw new UserError(
      `${path}: expected C order, found Fortran order; save numpy.ascontiguousarray(array) instead`,
    );
  }
  const shape = dims
    .split(',')
    .filter((dim) => dim.trim() !== '')
    .map(Number);
  return { descr, shape };
}
