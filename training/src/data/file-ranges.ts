import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { UserError } from '@generatrix/runtime/core';
import { firstLine } from './files.ts';

/** A stretch of bytes of a file. */
export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

/** A file as it was when it was first looked at. */
export interface SeenFile {
  readonly path: string;
  readonly size: number;
  readonly modified: number;
}

/** Bytes between two ranges that are read along rather than skipped: a further read costs more than these. */
const bridged = 32 * 1024;
/** Bytes of one read, at most, unless a single range is longer. */
const longestRead = 4 * 1024 * 1024;

/** Remembers a file's size and time, so that a later read can tell that it is still the same. */
export async function seeFile(path: string): Promise<SeenFile> {
  const { size, mtimeMs } = await stat(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return { path, size, modified: mtimeMs };
}

const readInto = promisify(read);

/** Descriptors of files that were read from, closed when nobody has the file any more. */
const descriptors = new WeakMap<SeenFile, number>();
const closing = new FinalizationRegistry<number>((descriptor) => closeSync(descriptor));

/**
 * Reads ranges of a file, in any order, which may overlap: sorted, with neighbours joined, all asked for at once and
 * before this returns, so that they are read while this thread does something else. Nothing else of the file is held in
 * memory.
 * @returns the bytes of each range, in the order asked for
 * @throws UserError when the file is not what it was, or cannot be read.
 */
export async function readRanges(file: SeenFile, ranges: readonly FileRange[]): Promise<Uint8Array[]> {
  const order = Array.from(ranges.keys()).sort((a, b) => ranges[a]!.offset - ranges[b]!.offset);
  const reads: { offset: number; end: number; wanted: number[] }[] = [];
  for (const index of order) {
    const { offset, length } = ranges[index]!;
    const last = reads.at(-1);
    const end = Math.max(last?.end ?? 0, offset + length);
    if (last && offset <= last.end + bridged && end - last.offset <= longestRead) {
      last.end = end;
      last.wanted.push(index);
    } else reads.push({ offset, end: offset + length, wanted: [index] });
  }
  const descriptor = openKept(file);
  const out = new Array<Uint8Array>(ranges.length);
  await Promise.all(
    reads.map(async ({ offset, end, wanted }) => {
      const bytes = await readAt(file.path, descriptor, offset, end - offset);
      for (const index of wanted) {
        const start = ranges[index]!.offset - offset;
        out[index] = bytes.subarray(start, start + ranges[index]!.length);
      }
    }),
  );
  return out;
}

/**
 * Reads one range at once, while this thread waits, and leaves no descriptor open: for small pieces of many files.
 * @throws UserError when the file is not what it was, or cannot be read.
 */
export function readRangeNow(file: SeenFile, { offset, length }: FileRange): Uint8Array<ArrayBuffer> {
  const descriptor = openSeen(file);
  try {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const count = readSync(descriptor, bytes, done, length - done, offset + done);
      if (count === 0) throw tooShort(file.path, offset, length, done);
      done += count;
    }
    return bytes;
  } catch (error) {
    throw unreadable(file.path, error);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Reads a stretch of a file from front to back in pieces, each of a whole number of records.
 * @param onPiece given the bytes and the number of the first record in them
 */
export async function streamRecords(
  file: SeenFile,
  { offset, recordBytes, count }: { offset: number; recordBytes: number; count: number },
  onPiece: (bytes: Uint8Array<ArrayBuffer>, firstRecord: number) => void,
): Promise<void> {
  const perPiece = Math.max(1, Math.floor(longestRead / recordBytes));
  const descriptor = openKept(file);
  const pieceFrom = (first: number) => {
    const records = Math.min(perPiece, count - first);
    return readAt(file.path, descriptor, offset + first * recordBytes, records * recordBytes);
  };
  let next = count > 0 ? pieceFrom(0) : null;
  for (let first = 0; next !== null; first += perPiece) {
    const bytes = await next;
    // The next piece is read while this one is looked at.
    next = first + perPiece < count ? pieceFrom(first + perPiece) : null;
    next?.catch(() => {});
    onPiece(bytes, first);
  }
}

/** A descriptor that stays open as long as somebody has the file. */
function openKept(file: SeenFile): number {
  const known = descriptors.get(file);
  if (known !== undefined) {
    checkUnchanged(file, known);
    return known;
  }
  const descriptor = openSeen(file);
  descriptors.set(file, descriptor);
  closing.register(file, descriptor);
  return descriptor;
}

function openSeen(file: SeenFile): number {
  let descriptor: number;
  try {
    descriptor = openSync(file.path, 'r');
  } catch (error) {
    throw unreadable(file.path, error);
  }
  try {
    checkUnchanged(file, descriptor);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}

function checkUnchanged(file: SeenFile, descriptor: number): void {
  const { size, mtimeMs } = fstatSync(descriptor);
  if (size === file.size && mtimeMs === file.modified) return;
  throw new UserError(`${file.path}: expected the file as it was, it changed while in use; start again`);
}

async function readAt(
  path: string,
  descriptor: number,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await readInto(descriptor, bytes, done, length - done, offset + done).catch(
      (error: unknown) => {
        throw unreadable(path, error);
      },
    );
    if (bytesRead === 0) throw tooShort(path, offset, length, done);
    done += bytesRead;
  }
  return bytes;
}

function tooShort(path: string, offset: number, length: number, done: number): UserError {
  return new UserError(
    `${path}: expected ${offset + length} bytes or more, found ${offset + done}; fetch it again`,
  );
}

function unreadable(path: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : firstLine(error);
  return new UserError(`${path}: expected a readable file, the system says ${code}; check the path`);
}
