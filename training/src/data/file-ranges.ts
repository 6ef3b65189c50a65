import { type FileHandle, open, stat } from 'node:fs/promises';
import { UserError } from '../errors.ts';
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

/**
 * Reads ranges of a file, in any order, which may overlap: sorted, with neighbours joined, all asked for at once.
 * Nothing else of the file is held in memory, and it is closed again.
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
  const out = new Array<Uint8Array>(ranges.length);
  await withFile(file, async (handle) => {
    await Promise.all(
      reads.map(async ({ offset, end, wanted }) => {
        const bytes = await readAt(file.path, handle, offset, end - offset);
        for (const index of wanted) {
          const start = ranges[index]!.offset - offset;
          out[index] = bytes.subarray(start, start + ranges[index]!.length);
        }
      }),
    );
  });
  return out;
}

/**
 * Reads a stretch of a file from front to back in pieces, each of a whole number of records.
 * @param onPiece given the bytes, which are overwritten after it returns, and the number of its first record
 */
export async function streamRecords(
  file: SeenFile,
  { offset, recordBytes, count }: { offset: number; recordBytes: number; count: number },
  onPiece: (bytes: Uint8Array<ArrayBuffer>, firstRecord: number) => void,
): Promise<void> {
  const perPiece = Math.max(1, Math.floor(longestRead / recordBytes));
  await withFile(file, async (handle) => {
    for (let first = 0; first < count; first += perPiece) {
      const records = Math.min(perPiece, count - first);
      const bytes = await readAt(file.path, handle, offset + first * recordBytes, records * recordBytes);
      onPiece(bytes, first);
    }
  });
}

async function withFile(file: SeenFile, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  const handle = await open(file.path).catch((error: unknown) => {
    throw unreadable(file.path, error);
  });
  try {
    const { size, mtimeMs } = await handle.stat();
    if (size !== file.size || mtimeMs !== file.modified) {
      throw new UserError(`${file.path}: expected the file as it was, it changed while in use; start again`);
    }
    await use(handle);
  } finally {
    await handle.close();
  }
}

async function readAt(
  path: string,
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle
      .read(bytes, done, length - done, offset + done)
      .catch((error: unknown) => {
        throw unreadable(path, error);
      });
    if (bytesRead === 0) {
      throw new UserError(
        `${path}: expected ${offset + length} bytes or more, found ${offset + done}; fetch it again`,
      );
    }
    done += bytesRead;
  }
  return bytes;
}

function unreadable(path: string, error: unknown): UserError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : firstLine(error);
  return new UserError(`${path}: expected a readable file, the system says ${code}; check the path`);
}
