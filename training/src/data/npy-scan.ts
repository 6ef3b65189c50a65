import { UserError } from '../errors.ts';
import { readRangeNow, type SeenFile, streamRecords } from './file-ranges.ts';
import { type NpyHeader, npyHeaderBytes, npyValues, readNpyHeader } from './npy.ts';
import { addHashes, type ExampleHashes, emptyHashes, rowsOf } from './split.ts';

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
    low = Math.min(low, least);
    high = Math.max(high, most);
    addHashes(hashes, rowsOf(values, width), seed, first);
  });
  return { low, high, hashes };
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
