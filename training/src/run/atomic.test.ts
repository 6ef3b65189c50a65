import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../data/test-support.ts';
import { removeAbandoned, replaceFolderAtomic, writeFileAtomic } from './atomic.ts';

test('a file is written, then replaced, and nothing else is left in its folder', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'a.txt');
  await writeFileAtomic(path, 'one');
  expect(await readFile(path, 'utf8')).toBe('one');
  await writeFileAtomic(path, Uint8Array.from([0, 255, 7]));
  expect([...(await readFile(path))]).toEqual([0, 255, 7]);
  expect(await readdir(folder)).toEqual(['a.txt']);
});

test('a failed write leaves what was there, no temporary file, and names the cure', async () => {
  const folder = await folderOf({ 'taken/inside.txt': 'kept' });
  await expectUserError(writeFileAtomic(join(folder, 'taken'), 'new'), 'taken: expected to write a file');
  expect(await readdir(folder)).toEqual(['taken']);
  expect(await readFile(join(folder, 'taken/inside.txt'), 'utf8')).toBe('kept');
  await expectUserError(writeFileAtomic(join(folder, 'no/such.txt'), 'new'), 'such.txt', 'create it');
});

test('writers of one path at once leave one whole content', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'raced.txt');
  const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
  await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
  expect(contents).toContain(await readFile(path, 'utf8'));
  expect(await readdir(folder)).toEqual(['raced.txt']);
});

test('a folder is replaced as a whole: files of the old one do not shine through', async () => {
  const parent = await folderOf({ 'bundle/model.json': 'old', 'bundle/stale.onnx': 'old' });
  const target = join(parent, 'bundle');
  await replaceFolderAtomic(`${target}/`, async (temporary) => {
    await mkdir(join(temporary, 'deep'));
    await writeFile(join(temporary, 'deep/weights.bin'), 'new');
    await writeFile(join(temporary, 'model.json'), 'new');
    // While the writer runs, readers see the old folder whole.
    expect((await readdir(target)).sort()).toEqual(['model.json', 'stale.onnx']);
  });
  expect((await readdir(target)).sort()).toEqual(['deep', 'model.json']);
  expect(await readFile(join(target, 'deep/weights.bin'), 'utf8')).toBe('new');
  expect(await readdir(parent)).toEqual(['bundle']);
});

test('a writer that throws leaves the old folder, or none, and its error comes through', async () => {
  const parent = await folderOf({ 'bundle/model.json': 'old' });
  for (const name of ['bundle', 'fresh']) {
    const failing = replaceFolderAtomic(join(parent, name), async (temporary) => {
      await writeFile(join(temporary, 'half'), 'half');
      throw new TypeError('half way');
    });
    await expect(failing).rejects.toThrow(new TypeError('half way'));
  }
  expect(await readdir(parent)).toEqual(['bundle']);
  expect(await readFile(join(parent, 'bundle/model.json'), 'utf8')).toBe('old');
});

test('a folder without the marker, or a file, is not replaced', async () => {
  const parent = await folderOf({ 'thesis/chapter.tex': 'years', file: 'x' });
  let ran = false;
  const writer = async (): Promise<void> => {
    ran = true;
  };
  const replace = (name: string): Promise<void> =>
    replaceFolderAtomic(join(parent, name), writer, { marker: 'model.json' });
  await expectUserError(replace('thesis'), 'thesis', 'model.json', 'found 1 other');
  await expectUserError(replace('file'), 'file: expected a folder or nothing');
  expect(ran).toBe(false);
  expect(await readFile(join(parent, 'thesis/chapter.tex'), 'utf8')).toBe('years');
  await mkdir(join(parent, 'empty'));
  await replace('empty');
  expect(ran).toBe(true);
  expect(existsSync(join(parent, 'empty'))).toBe(true);
});

test('abandoned temporaries go, everything else stays', async () => {
  const folder = await folderOf({
    '.a.txt.partial-0123456789ab': 'x',
    '.b.replaced-0123456789ab/inside': 'x',
    '.hidden': 'x',
    'a.txt': 'x',
  });
  await removeAbandoned(folder);
  expect((await readdir(folder)).sort()).toEqual(['.hidden', 'a.txt']);
});
