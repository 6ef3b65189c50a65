import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { checkWritable, makeFolder, replaceFolderAtomic, writeFileAtomic } from './atomic.ts';

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

test('parts are written one after the other, and a failure between them leaves nothing', async () => {
  const folder = await folderOf({});
  async function* parts(failing: boolean) {
    yield Uint8Array.of(1, 2);
    if (failing) throw new TypeError('no more');
    yield Uint8Array.of(3);
  }
  await writeFileAtomic(join(folder, 'whole'), parts(false));
  expect([...(await readFile(join(folder, 'whole')))]).toEqual([1, 2, 3]);
  await expect(writeFileAtomic(join(folder, 'half'), parts(true))).rejects.toThrow(new TypeError('no more'));
  expect(await readdir(folder)).toEqual(['whole']);
});

const overwrite = { overwrite: true };
const bundle = (files: readonly string[]): string =>
  JSON.stringify({
    format: 'generatrix-bundle',
    programs: Object.fromEntries(files.map((file) => [file, { file, sha256: '' }])),
  });

test('a folder is replaced as a whole: files of the old one do not shine through', async () => {
  const parent = await folderOf({ 'bundle/model.json': bundle(['stale.onnx']), 'bundle/stale.onnx': 'old' });
  const target = join(parent, 'bundle');
  const write = async (temporary: string): Promise<void> => {
    await mkdir(join(temporary, 'deep'));
    await writeFile(join(temporary, 'deep/weights.bin'), 'new');
    await writeFile(join(temporary, 'model.json'), 'new');
    // While the writer runs, readers see the old folder whole.
    expect((await readdir(target)).sort()).toEqual(['model.json', 'stale.onnx']);
  };
  await replaceFolderAtomic(`${target}/`, write, overwrite);
  expect((await readdir(target)).sort()).toEqual(['deep', 'model.json']);
  expect(await readFile(join(target, 'deep/weights.bin'), 'utf8')).toBe('new');
  expect(await readdir(parent)).toEqual(['bundle']);
});

test('a writer that throws leaves the old folder, or none, and its error comes through', async () => {
  const parent = await folderOf({ 'bundle/model.json': bundle([]) });
  for (const name of ['bundle', 'fresh']) {
    const failing = replaceFolderAtomic(
      join(parent, name),
      async (temporary) => {
        await writeFile(join(temporary, 'half'), 'half');
        throw new TypeError('half way');
      },
      overwrite,
    );
    await expect(failing).rejects.toThrow(new TypeError('half way'));
  }
  expect(await readdir(parent)).toEqual(['bundle']);
  expect(await readFile(join(parent, 'bundle/model.json'), 'utf8')).toBe(bundle([]));
});

test('a file that someone puts there while the new folder is written keeps the old one in place', async () => {
  const parent = await folderOf({ 'bundle/model.json': bundle([]) });
  const target = join(parent, 'bundle');
  const replacing = replaceFolderAtomic(
    target,
    async (temporary) => {
      await writeFile(join(temporary, 'model.json'), 'new');
      await writeFile(join(target, 'notes.txt'), 'mine');
    },
    overwrite,
  );
  await expectUserError(replacing, 'bundle: not replaced, as it holds notes.txt');
  expect((await readdir(target)).sort()).toEqual(['model.json', 'notes.txt']);
  expect(await readdir(parent)).toEqual(['bundle']);
});

test('two writers of one folder at once: one writes, the other is refused in one line', async () => {
  const parent = await folderOf({});
  const target = join(parent, 'bundle');
  const write = (content: string) =>
    replaceFolderAtomic(target, (temporary) => writeFile(join(temporary, 'model.json'), content), overwrite);
  const outcomes = await Promise.allSettled([write('one'), write('two')]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  const winner = outcomes.findIndex(({ status }) => status === 'fulfilled');
  const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  await expectUserError(Promise.reject(refused.reason), `bundle: in use by process ${process.pid}`);
  expect(await readFile(join(target, 'model.json'), 'utf8')).toBe(['one', 'two'][winner]);
  expect(await readdir(parent)).toEqual(['bundle']);
});

test('a folder that cannot be written is found out by a file that leaves no trace', async () => {
  const folder = await folderOf({ file: 'x' });
  await checkWritable(folder);
  await expectUserError(checkWritable(join(folder, 'none')), 'none: expected to write', 'ENOENT');
  await expectUserError(checkWritable(join(folder, 'file')), 'file: expected to write', 'ENOTDIR');
  await expectUserError(makeFolder(join(folder, 'file/deep')), 'a part of the path is a file');
  expect(await readdir(folder)).toEqual(['file']);
});
