import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRangeNow, seeFile } from './file-ranges.ts';
import { tarMembers } from './tar-members.ts';

let folder = '';
const long = `${'deep/'.repeat(3)}${'n'.repeat(140)}.png`;
const contents: Record<string, Buffer> = {
  '000.png': Buffer.from('first'),
  '000.cls': Buffer.from('3'),
  'empty.txt': Buffer.alloc(0),
  [long]: Buffer.alloc(200_000, 'x'),
  'zö.png': Buffer.from('last'),
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-tar-'));
  for (const [name, bytes] of Object.entries(contents)) {
    await mkdir(join(folder, 'in', name, '..'), { recursive: true });
    await writeFile(join(folder, 'in', name), bytes);
  }
});
afterAll(() => rm(folder, { recursive: true }));

async function readBack(path: string): Promise<Record<string, string>> {
  const file = await seeFile(path);
  const found: Record<string, string> = {};
  for (const { name, offset, size } of tarMembers(file)) {
    const bytes = readRangeNow(file, { offset, length: size });
    found[name.replace(/^\.\//, '')] = Buffer.from(bytes).toString('latin1');
  }
  return found;
}

const expected = Object.fromEntries(
  Object.entries(contents).map(([name, x]) => [name, x.toString('latin1')]),
);

it('finds every file of a tar file with pax headers', async () => {
  const path = join(folder, 'pax.tar');
  await create({ file: path, cwd: join(folder, 'in') }, Object.keys(contents));
  expect(await readBack(path)).toEqual(expected);
});

it.each(['gnu', 'ustar', 'pax', 'v7'])('finds every file of what GNU tar writes: %s', async (format) => {
  const path = join(folder, `${format}.tar`);
  // The older formats have no room for the long name.
  const short = format === 'v7' || format === 'ustar';
  const names = Object.keys(contents).filter((name) => !short || name.length < 100);
  const tar = spawnSync('tar', [`--format=${format}`, '-cf', path, '-C', join(folder, 'in'), ...names]);
  if (tar.error) {
    console.log('skipped: comparing with GNU tar, which is not here');
    return;
  }
  expect(tar.stderr.toString()).toBe('');
  expect(await readBack(path)).toEqual(Object.fromEntries(names.map((name) => [name, expected[name]])));
});

it('refuses in one line what is packed, no tar, or cut off', async () => {
  const path = join(folder, 'whole.tar');
  await create({ file: path, cwd: join(folder, 'in') }, ['000.png', long]);
  const bytes = await readFile(path);
  const cases: [string, Uint8Array, RegExp][] = [
    ['packed.tar', gzipSync(bytes), /expected a tar file, found another kind of file; unpack it/],
    ['text.tar', Buffer.alloc(2000, 'a'), /expected a tar file/],
    ['cut.tar', bytes.subarray(0, 100_000), /bytes or more, found 100000; fetch it again/],
  ];
  for (const [name, content, line] of cases) {
    await writeFile(join(folder, name), content);
    await expect(readBack(join(folder, name)), name).rejects.toThrow(line);
  }
});
