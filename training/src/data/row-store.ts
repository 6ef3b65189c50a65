import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { makeFolder } from '../files/atomic.ts';
import { readRangeNow, readRanges, type SeenFile, seeFile } from './file-ranges.ts';
import { firstLine } from './files.ts';

/** Rows of bytes of any length, in memory or in a file of their own. */
export interface RowStore {
  readonly count: number;
  /** What tells a row apart: 16 bytes of SHA-256 over its bytes. */
  digest(row: number): Uint8Array;
  /** Its class as written; null without. */
  readonly labels: readonly (string | number | null)[];
  /** One row, at once. */
  bytes(row: number): Uint8Array;
  /** Several rows, read while this thread does something else. */
  gather(rows: ArrayLike<number>): Promise<Uint8Array[]>;
}

/** Takes rows one by one. */
export type AddRow = (bytes: Uint8Array, label: string | number | null) => void;

const digestBytes = 16;
const pieceBytes = 4 * 2 ** 20;

/** Folder of unpacked data, which may be deleted at any time: `GENERATRIX_CACHE`, or one in the user's cache. */
export function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return process.env.GENERATRIX_CACHE || join(base, 'generatrix');
}

/** Unpacks rows into memory. @param fill adds every row, in order */
export async function rowsInMemory(fill: (add: AddRow) => Promise<void>): Promise<RowStore> {
  const pieces: Uint8Array[] = [];
  const { starts, digests, labels } = await pack(fill, (bytes) => void pieces.push(bytes));
  const bytes = Buffer.concat(pieces);
  const row = (at: number) => bytes.subarray(starts[at], starts[at + 1]);
  return {
    count: labels.length,
    labels,
    digest: (at) => digests.subarray(at * digestBytes, (at + 1) * digestBytes),
    bytes: row,
    gather: async (rows) => Array.from(rows, row),
  };
}

/**
 * Unpacks rows into a file in the user's cache, once: the next time, also of another process, they are found there.
 * @param key says what is unpacked and from which files; another key is another file
 * @param fill adds every row, in order
 * @throws UserError when the cache cannot be written.
 */
export async function rowsOnDisk(key: string, fill: (add: AddRow) => Promise<void>): Promise<RowStore> {
  const name = createHash('sha256').update(`rows 1\n${key}`).digest('hex').slice(0, 32);
  const folder = join(cacheFolder(), name);
  const found = await openRows(folder);
  if (found !== null) return found;
  const partial = `${folder}.partial-${process.pid}`;
  try {
    await makeFolder(dirname(folder));
    await rm(partial, { recursive: true, force: true });
    await mkdir(partial);
    console.error(`unpacking into ${folder}, once; it may be deleted at any time`);
    await writeRows(partial, fill);
    // Of two processes that unpack the same, the later finds the folder there and uses it.
    await rename(partial, folder).catch(() => undefined);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      `${folder}: could not unpack the data there (${firstLine(error)}); make room, or name another folder with GENERATRIX_CACHE`,
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  const rows = await openRows(folder);
  if (rows === null) throw new UserError(`${folder}: expected unpacked data, found none; try again`);
  return rows;
}

async function writeRows(folder: string, fill: (add: AddRow) => Promise<void>): Promise<void> {
  const descriptor = openSync(join(folder, 'rows.bin'), 'w');
  try {
    const { starts, digests, labels } = await pack(fill, (bytes) => {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    });
    await writeFile(join(folder, 'starts.f64'), new Uint8Array(Float64Array.from(starts).buffer));
    await writeFile(join(folder, 'digests.bin'), digests);
    await writeFile(join(folder, 'labels.json'), JSON.stringify(labels));
  } finally {
    closeSync(descriptor);
  }
}

/** Joins rows to pieces of some megabytes, and notes where each begins. */
async function pack(fill: (add: AddRow) => Promise<void>, take: (piece: Uint8Array) => void) {
  const starts = [0];
  const labels: (string | number | null)[] = [];
  const digests: Uint8Array[] = [];
  let [waiting, fresh, waitingBytes]: [Uint8Array[], Uint8Array[], number] = [[], [], 0];
  const flush = () => {
    take(Buffer.concat(waiting));
    digests.push(Buffer.concat(fresh));
    [waiting, fresh, waitingBytes] = [[], [], 0];
  };
  await fill((bytes, label) => {
    starts.push(starts.at(-1)! + bytes.length);
    labels.push(label);
    fresh.push(digestOf(bytes));
    waiting.push(bytes.slice());
    waitingBytes += bytes.length;
    if (waitingBytes > pieceBytes) flush();
  });
  flush();
  return { starts, labels, digests: Buffer.concat(digests) };
}

async function openRows(folder: string): Promise<RowStore | null> {
  let parts: [Buffer, Buffer, string];
  let file: SeenFile;
  try {
    parts = await Promise.all([
      readFile(join(folder, 'starts.f64')),
      readFile(join(folder, 'digests.bin')),
      readFile(join(folder, 'labels.json'), 'utf8'),
    ]);
    file = await seeFile(join(folder, 'rows.bin'));
  } catch {
    return null;
  }
  const [startBytes, digests, labelText] = parts;
  const starts = new Float64Array(Uint8Array.from(startBytes).buffer);
  if (file.size !== starts.at(-1)) return null;
  const rangeOf = (row: number) => ({ offset: starts[row]!, length: starts[row + 1]! - starts[row]! });
  return {
    count: starts.length - 1,
    labels: JSON.parse(labelText) as (string | number | null)[],
    digest: (row) => digests.subarray(row * digestBytes, (row + 1) * digestBytes),
    bytes: (row) => readRangeNow(file, rangeOf(row)),
    gather: (rows) => readRanges(file, Array.from(rows, rangeOf)),
  };
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest().subarray(0, digestBytes);
}
