import { appendFile, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRangeNow, readRanges, seeFile, streamRecords } from './file-ranges.ts';

let folder = '';
let path = '';
/** Longer than one read, and no multiple of anything. */
const bytes = Uint8Array.from({ length: 9_000_011 }, (_, i) => (i * 2_654_435_761) >>> 13);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-ranges-'));
  path = join(folder, 'data.bin');
  await writeFile(path, bytes);
});
afterAll(() => rm(folder, { recursive: true }));

it('reads ranges in the order asked for: near, far, twice, overlapping, empty and longer than one read', async () => {
  const ranges = [
    { offset: 8_000_000, length: 11 },
    { offset: 5, length: 10 },
    { offset: 9_000_000, length: 11 },
    { offset: 12, length: 20 },
    { offset: 5, length: 10 },
    { offset: 100, length: 0 },
    { offset: 1_000_000, length: 6_000_000 },
    { offset: 40_000, length: 3 },
  ];
  const read = await readRanges(await seeFile(path), ranges);
  for (const [i, { offset, length }] of ranges.entries()) {
    const wanted = bytes.subarray(offset, offset + length);
    expect(Buffer.compare(read[i]!, wanted), `range ${i}`).toBe(0);
    expect(Buffer.compare(readRangeNow(await seeFile(path), { offset, length }), wanted), `range ${i}`).toBe(
      0,
    );
  }
});

it('streams whole records from front to back', async () => {
  const [recordBytes, offset, count] = [1_000_003, 8, 8];
  const pieces: Uint8Array[] = [];
  let next = 0;
  await streamRecords(await seeFile(path), { offset, recordBytes, count }, (piece, first) => {
    expect(first).toBe(next);
    expect(piece.length % recordBytes).toBe(0);
    next += piece.length / recordBytes;
    pieces.push(piece.slice());
  });
  expect(next).toBe(count);
  expect(pieces.length).toBeGreaterThan(1);
  expect(Buffer.concat(pieces).equals(bytes.subarray(offset, offset + count * recordBytes))).toBe(true);
});

it('refuses a file that is gone, too short, or changed meanwhile', async () => {
  const seen = await seeFile(path);
  await expect(readRanges(seen, [{ offset: 9_000_000, length: 12 }])).rejects.toThrow(
    /expected 9000012 bytes or more, found 9000011; fetch it again/,
  );
  expect(() => readRangeNow(seen, { offset: 9_000_000, length: 12 })).toThrow(/9000012 bytes or more/);
  await expect(seeFile(join(folder, 'none'))).rejects.toThrow(UserError);
  const other = join(folder, 'other.bin');
  await writeFile(other, 'abc');
  const before = await seeFile(other);
  await appendFile(other, 'd');
  expect(() => readRangeNow(before, { offset: 0, length: 1 })).toThrow(/changed while in use/);
  await expect(readRanges(before, [{ offset: 0, length: 1 }])).rejects.toThrow(/changed while in use/);
});

it('reads beyond 4 GiB', async () => {
  const large = join(folder, 'large.bin');
  const at = 5 * 2 ** 30 + 3;
  const handle = await open(large, 'w');
  // Nothing is stored of what is skipped.
  await handle.write(Uint8Array.of(1, 2, 3), 0, 3, at);
  await handle.close();
  const seen = await seeFile(large);
  expect(await readRanges(seen, [{ offset: at - 1, length: 4 }])).toEqual([Uint8Array.of(0, 1, 2, 3)]);
  expect(readRangeNow(seen, { offset: at, length: 3 })).toEqual(Uint8Array.of(1, 2, 3));
});
