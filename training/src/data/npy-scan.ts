import { UserError } from '@generatrix/runtime/core';
import { readRangeNow, type SeenFile, streamRecords } from './file-ranges.ts';
import { type NpyArray, type NpyHeader, npyHeaderBytes, npyValues, readNpyHeader } from './npy.ts';
import { addHashes, type ExampleHashes, emptyHashes, type Identified } from './split.ts';

/** What one pass over an array finds. */
export interface NpyScan {
  readonly low: number;
  readonly high: number;
  readonly hashes: ExampleHashes;
}

/** The last pass over each file, by what it was: the splits of one data set share it. */
const scans = new Map<string, { stamp: string; scan: Promise<NpyScan> }>();

/** The header of an array that is not packed, read alone. @throws UserError as `readNpyHeader`. */
export function headerOf(file: SeenFile): NpyHeader {
  const length = Math.min(npyHeaderBytes, file.size);
  return readNpyHeader(file.path, readRangeNow(file, { offset: 0, length }), file.size);
}

/**
 * The extremes of an array and the hash of each of its rows, in one pass that holds a few megabytes at a time.
 * @param seed of the hashes
 * @throws UserError at the first value that is not finite.
 */
export function scanNpy(file: SeenFile, header: NpyHeader, seed: number): Promise<NpyScan> {
  const stamp = JSON.stringify([file.size, file.modified, seed]);
  const known = scans.get(file.path);
  if (known?.stamp === stamp) return known.scan;
  const scan = passOver(file, header, seed);
  scans.set(file.path, { stamp, scan });
  // A pass that failed is made again.
  scan.catch(() => scans.delete(file.path));
  return scan;
}

async function passOver(file: SeenFile, header: NpyHeader, seed: number): Promise<NpyScan> {
  const count = header.shape[0]!;
  const recordBytes = (file.size - header.offset) / count;
  const width = recordBytes / header.bytesPerValue;
  const hashes = emptyHashes(count);
  let [low, high] = [Infinity, -Infinity];
  await streamRecords(file, { offset: header.offset, recordBytes, count }, (bytes, first) => {
    const values = npyValues(bytes, header);
    const [least, most] = extremes(file.path, values, first * width);
    if (header.shape.length <= 2) checkExact(file.path, header, values, first);
    low = Math.min(low, least);
    high = Math.max(high, most);
    addHashes(hashes, rowBytesOf(values, width), seed, first);
  });
  return { low, high, hashes };
}

/** As `rowsOf`, but -0 becomes 0 in place: a copy of every row of a large file would take as long as the rest. */
function rowBytesOf(values: NpyArray['values'], width: number): Identified {
  for (let n = 0; n < values.length; n++) values[n]! += 0;
  const { buffer, byteOffset, BYTES_PER_ELEMENT } = values;
  const rowBytes = width * BYTES_PER_ELEMENT;
  return {
    count: values.length / width,
    identity: (index) => new Uint8Array(buffer, byteOffset + index * rowBytes, rowBytes),
  };
}

/**
 * The least and the largest value.
 * @param position of the first value in its array, for messages
 * @throws UserError when one is not finite.
 */
export function extremes(path: string, values: ArrayLike<number>, position = 0): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (let n = 0; n < values.length; n++) {
    const value = values[n]!;
    if (!Number.isFinite(value)) {
      throw new UserError(
        `${path}: expected finite numbers, found ${value} at flat position ${position + n}; mend the array`,
      );
    }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/**
 * Is a whole number what its file had, and a 32-bit float? A double beyond 2^53 may stand for a neighbour of an 8-byte integer.
 */
const isExact = (value: number): boolean => Number.isSafeInteger(value) && Math.fround(value) === value;

/**
 * Refuses points that 32-bit floats would change beyond their precision: whole numbers above 2^24, and doubles that
 * overflow or vanish.
 * @param firstRow the row that the values start with, for messages
 */
export function checkExact(
  path: string,
  { dtype, shape }: Pick<NpyHeader, 'dtype' | 'shape'>,
  values: Uint8Array | Float32Array | Float64Array,
  firstRow = 0,
): void {
  if (!(values instanceof Float64Array)) return;
  const whole = !dtype.startsWith('f');
  const bad = values.findIndex((value) => {
    const rounded = Math.fround(value);
    return !Number.isFinite(rounded) || (rounded === 0 && value !== 0) || (whole && !isExact(value));
  });
  if (bad < 0) return;
  const width = shape[1] ?? 1;
  throw new UserError(
    `${path}: expected numbers that 32-bit floats hold, found ${values[bad]} in row ${firstRow + Math.floor(bad / width)}, ` +
      `column ${bad % width}; remove the column if it is an identifier, or scale it`,
  );
}
