import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expectUserError, folderOf } from '../testing/test-support.ts';
import { readBeside } from './read-beside.ts';

test('weights are read from the folder of the model and from nowhere else', async () => {
  const folder = await folderOf({
    'model/m.onnx': '',
    'model/w.bin': 'abc',
    'model/parts/v.bin': 'de',
    secret: 'x',
  });
  const path = join(folder, 'model/m.onnx');
  const read = async (name: string) => new TextDecoder().decode(await readBeside(path, name));
  expect(await read('w.bin')).toBe('abc');
  expect(await read('./parts/v.bin')).toBe('de');
  await symlink(join(folder, 'secret'), join(folder, 'model/link.bin'));
  await symlink('w.bin', join(folder, 'model/near.bin'));
  expect(await read('near.bin')).toBe('abc');
  for (const name of [
    '../secret',
    'parts/../../secret',
    '/etc/hostname',
    'link.bin',
    '',
    '..',
    'C:\\w.bin',
  ]) {
    await expectUserError(() => readBeside(path, name), /lie outside its folder; move them beside the model/);
  }
  await expectUserError(
    () => readBeside(path, 'absent.bin'),
    /absent\.bin: expected weights, there is no such file/,
  );
});
