import { UserError } from '../errors.ts';
import { allocate, type DType, type HostTensor, sizeOf } from '../program/tensor.ts';

/**
 * The safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length (unsigned,
 * little-endian), a JSON header of that many bytes, then the values, row-major and little-endian, without gaps.
 */
const codes = { float32: 'F32', int32: 'I32', bool: 'BOOL' } as const satisfies Record<DType, string>;
const bytesPerElement = { float32: 4, int32: 4, bool: 1 } as const satisfies Record<DType, number>;

/** The order in which the reference implementation writes types: wide ones first keeps every tensor aligned. */
const writeOrder: readonly DType[] = ['float32', 'int32', 'bool'];

/** Longest header that the reference implementation accepts, in bytes. */
const headerLimit = 100_000_000;

/** What a safetensors file holds. */
export interface Safetensors {
  readonly tensors: Record<string, HostTensor>;
  readonly metadata: Record<string, string>;
}

interface Entry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/**
 * Writes tensors as safetensors: the same tensors always give the same bytes, those of the reference
 * implementation. Types are stored as F32, I32 and BOOL; within a type, names are sorted.
 * @param metadata texts for the header's `__metadata__`; left out when empty or absent
 * @throws when a tensor is called `__metadata__`, or holds another number of values than its shape says.
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, HostTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const header: string[] = [];
  if (Object.keys(metadata).length > 0) header.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const ordered = Object.entries(tensors).sort(([leftName, left], [rightName, right]) => {
    const byType = writeOrder.indexOf(left.dtype) - writeOrder.indexOf(right.dtype);
    return byType || (leftName < rightName ? -1 : 1);
  });
  let size = 0;
  for (const [name, { dtype, shape, data }] of ordered) {
    if (name === '__metadata__') throw new Error('safetensors: no tensor can be called __metadata__');
    if (data.length !== sizeOf(shape)) {
      throw new Error(
        `safetensors: tensor ${JSON.stringify(name)} of shape [${shape}] needs ${sizeOf(shape)} values, got ${data.length}`,
      );
    }
    const entry = { dtype: codes[dtype], shape, data_offsets: [size, size + data.byteLength] };
    // Not through an object, which would move names such as '0' to the front.
    header.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    size += data.byteLength;
  }
  const json = new TextEncoder().encode(`{${header.join(',')}}`);
  const headerSize = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerSize + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerSize), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, 8 + headerSize);
  let offset = 8 + headerSize;
  for (const [, { data }] of ordered) {
    // Typed arrays are little-endian on every machine that onnxruntime supports, as the format is.
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

/**
 * Reads safetensors. The tensors are copies: `bytes` may be reused.
 * @param where what errors call the source, such as a path
 * @throws UserError when it is no whole safetensors file, or holds a type other than F32, I32 and BOOL.
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const { headerSize, header } = readHeader(bytes, where);
  const values = bytes.subarray(8 + headerSize);
  const { __metadata__: metadata = {}, ...described } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((text) => typeof text === 'string')) {
    throw new UserError(`${where}: expected __metadata__ to be an object of texts; the file is broken`);
  }
  const entries = Object.entries(described).map(([name, entry]) => readEntry(name, entry, where));
  checkCover(entries, values.length, where);
  return {
    tensors: Object.fromEntries(entries.map((entry) => [entry.name, readTensor(entry, values, where)])),
    metadata: metadata as Record<string, string>,
  };
}

function readHeader(
  bytes: Uint8Array,
  where: string,
): { headerSize: number; header: Record<string, unknown> } {
  if (bytes.length < 8) {
    throw new UserError(
      `${where}: expected a safetensors file, found ${bytes.length} bytes; it is cut short, or something else`,
    );
  }
  const declared = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (declared > BigInt(headerLimit)) {
    throw new UserError(
      `${where}: expected a safetensors header of at most ${headerLimit} bytes, found ${declared}; ` +
        'it is another kind of file, or broken',
    );
  }
  const headerSize = Number(declared);
  if (8 + headerSize > bytes.length) {
    throw new UserError(
      `${where}: expected a header of ${headerSize} bytes, found ${bytes.length - 8}; the file is cut short`,
    );
  }
  const header = parseJson(bytes.subarray(8, 8 + headerSize));
  if (!isRecord(header)) {
    throw new UserError(`${where}: expected a safetensors header in JSON, found none; the file is broken`);
  }
  return { headerSize, header };
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function readEntry(name: string, entry: unknown, where: string): Entry {
  const fail = (expected: string, found: unknown): never => {
    const shown = JSON.stringify(found) ?? 'nothing';
    throw new UserError(
      `${where}: tensor ${JSON.stringify(name)}: expected ${expected}, found ${shown}; convert or restore the file`,
    );
  };
  if (!isRecord(entry)) return fail('dtype, shape and data_offsets', entry);
  const { dtype: code, shape, data_offsets: offsets } = entry;
  const dtype = writeOrder.find((candidate) => codes[candidate] === code);
  if (dtype === undefined) return fail('dtype F32, I32 or BOOL', code);
  if (!isSizes(shape)) return fail('a shape of whole numbers', shape);
  if (!isSizes(offsets) || offsets.length !== 2) return fail('two whole numbers as data_offsets', offsets);
  const [begin, end] = offsets as [number, number];
  const size = sizeOf(shape) * bytesPerElement[dtype];
  if (end - begin !== size) {
    return fail(`data_offsets ${size} bytes apart, for ${code} of shape [${shape}]`, offsets);
  }
  return { name, dtype, shape, begin, end };
}

/** Every byte of the values must belong to exactly one tensor. */
function checkCover(entries: readonly Entry[], length: number, where: string): void {
  let covered = 0;
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== covered) {
      const problem = begin < covered ? 'overlaps the one before it' : 'leaves a gap before it';
      throw new UserError(
        `${where}: tensor ${JSON.stringify(name)}: expected to begin at byte ${covered} of the values, found ${begin}, ` +
          `which ${problem}; the file is broken`,
      );
    }
    if (end > length) {
      throw new UserError(
        `${where}: tensor ${JSON.stringify(name)}: expected to end at byte ${end} of the values, found only ${length}; ` +
          'the file is cut short',
      );
    }
    covered = end;
  }
  if (covered < length) {
    throw new UserError(
      `${where}: expected ${covered} bytes of values, found ${length}; something follows the last tensor`,
    );
  }
}

function readTensor(
  { name, dtype, shape, begin, end }: Entry,
  values: Uint8Array,
  where: string,
): HostTensor {
  const data = allocate(dtype, sizeOf(shape));
  new Uint8Array(data.buffer).set(values.subarray(begin, end));
  if (dtype === 'bool' && data.some((value) => value > 1)) {
    throw new UserError(
      `${where}: tensor ${JSON.stringify(name)}: expected BOOL values of 0 or 1, found others; the file is broken`,
    );
  }
  return { dtype, shape, data } as HostTensor;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
