import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderOf } from '../testing/test-support.ts';
import { ownerTag, thisProcess } from './process-owner.ts';
import { clearSiblings, removeAbandoned, siblingOf } from './siblings.ts';

const bundle = JSON.stringify({ format: 'generatrix-bundle', programs: {} });
const random = '0123456789ab';

/** The tag of a process of this machine that has ended. */
function deadTag(): string {
  const { pid } = spawnSync(process.execPath, ['--version']);
  return ownerTag({ ...thisProcess(), pid: pid!, processStarted: '1' });
}

const clear = async (path: string): Promise<string[]> => {
  const lines: string[] = [];
  await clearSiblings(path, { warn: (line) => lines.push(line) });
  return lines;
};

test('what a killed writer left goes; a running one, another path and other files are left alone', async () => {
  const dead = deadTag();
  const running = siblingOf('vae', 'partial');
  const kept = [running, `.vae.partial-${dead}`, `.other.partial-${dead}-${random}`, '.vae.partial-notes'];
  const folder = await folderOf({
    [`.vae.partial-${dead}-${random}/half.onnx`]: 'x',
    ...Object.fromEntries(kept.map((name) => [`${name}/inside`, 'x'])),
    'vae/model.json': bundle,
  });
  const lines = await clear(join(folder, 'vae'));
  expect((await readdir(folder)).sort()).toEqual([...kept, 'vae'].sort());
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain(`.vae.partial-${dead}-${random}`);
});

test('of a writer that cannot be seen from here only what is older than a day goes', async () => {
  const elsewhere = ownerTag({ ...thisProcess(), host: 'another' });
  const folder = await folderOf({
    [`.vae.partial-${elsewhere}-${random}`]: 'x',
    [`.vae.partial-${random}`]: 'x',
  });
  expect(await clear(join(folder, 'vae'))).toEqual([]);
  const old = new Date(Date.now() - 25 * 3600 * 1000);
  for (const name of await readdir(folder)) await utimes(join(folder, name), old, old);
  expect(await clear(join(folder, 'vae'))).toHaveLength(2);
  expect(await readdir(folder)).toEqual([]);
});

test('a folder that was moved aside goes back when nothing took its place, and goes when something did', async () => {
  const folder = await folderOf({ [`.vae.replaced-${deadTag()}-${random}/model.json`]: bundle });
  await clear(join(folder, 'vae'));
  expect(await readdir(folder)).toEqual(['vae']);
  expect(await readFile(join(folder, 'vae/model.json'), 'utf8')).toBe(bundle);

  const sibling = `.vae.replaced-${deadTag()}-${random}`;
  await mkdir(join(folder, sibling));
  await writeFile(join(folder, sibling, 'model.json'), bundle);
  await writeFile(join(folder, sibling, 'notes.txt'), 'mine');
  expect((await clear(join(folder, 'vae')))[0]).toContain('look into it');
  expect(await readFile(join(folder, sibling, 'notes.txt'), 'utf8')).toBe('mine');
});

test('in a folder of ours all unfinished files go, of earlier versions too, and everything else stays', async () => {
  const running = siblingOf('c', 'partial');
  const folder = await folderOf({
    [`.a.txt.partial-${random}`]: 'x',
    [`.b.partial-${deadTag()}-${random}/inside`]: 'x',
    [running]: 'x',
    '.hidden': 'x',
    'a.txt': 'x',
  });
  await removeAbandoned(folder);
  expect((await readdir(folder)).sort()).toEqual([running, '.hidden', 'a.txt'].sort());
});
