import { UserError } from '../errors.ts';
import { readBytes } from './files.ts';

/** A decoded NumPy array. */
export interface NpyArray {
  readonly shape: readonly number[];
  /** NumPy's name of the element type, without byte order: `f4`, `u1`, ... */
  readonly dtype: string;
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

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

/**
 * Reads a `.npy` file (NumPy Enhancement Proposal 1, versions 1 to 3): little-endian numbers in C order.
 * @throws UserError when it is missing, no such file, of a type or order not read here, or of the wrong length.
 */
export async function readNpy(path: string): Promise<NpyArray> {
  const bytes = await readBytes(path, 'a NumPy array (.npy)');
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
  if (bytes.length - headerEnd !== size * element.bytes) {
    throw new UserError(
      `${path}: expected ${size * element.bytes} bytes for shape [${shape}] of ${dtype}, found ` +
        `${bytes.length - headerEnd}; fetch it again`,
    );
  }
  if (size === 0)
    throw new UserError(
      `${path}: expected examples, found an empty array of shape [${shape}]; save it again`,
    );
  if (element.bytes === 1 && dtype !== 'i1') return { shape, dtype, values: bytes.subarray(headerEnd) };
  const values = dtype === 'f4' ? new Float32Array(size) : new Float64Array(size);
  for (let n = 0; n < size; n++) values[n] = element.read(view, headerEnd + n * element.bytes);
  return { shape, dtype, values };
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
