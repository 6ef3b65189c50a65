import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeSafetensors, hostTensor } from '@generatrix/runtime/core';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { readSafetensors, writeSafetensors } from './safetensors-file.ts';

test('a file holds exactly the encoded bytes and reads back', async () => {
  const folder = await folderOf({});
  const path = join(folder, 'net.safetensors');
  const tensors = { w: hostTensor('float32', [2], [1.5, -2]) };
  await writeSafetensors(path, tensors, { note: 'x' });
  expect(await readdir(folder)).toEqual(['net.safetensors']);
  expect(new Uint8Array(await readFile(path))).toEqual(encodeSafetensors(tensors, { note: 'x' }));
  expect(await readSafetensors(path)).toEqual({ tensors, metadata: { note: 'x' } });
});

test('a missing, an empty and a foreign file are named', async () => {
  const folder = await folderOf({ empty: '', foreign: 'this is a text, not tensors' });
  await expectUserError(readSafetensors(join(folder, 'none')), 'none', 'ENOENT');
  await expectUserError(readSafetensors(join(folder, 'empty')), 'empty', 'found 0 bytes');
  await expectUserError(readSafetensors(join(folder, 'foreign')), 'foreign', 'another kind of file');
});

test('a write into a missing folder is refused, naming the path', async () => {
  const folder = await folderOf({});
  await writeFile(join(folder, 'file'), '');
  await expectUserError(writeSafetensors(join(folder, 'none', 'net'), {}), /none.net/, 'create it');
});
