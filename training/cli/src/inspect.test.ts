import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePng, encodeWav, npyBytes } from '@generatrix/runtime/media';
import { folderOf } from '@generatrix/training/testing';
import { expect, test } from 'vitest';
import { command } from './test-command.ts';

test('a table: values, histogram, duplicates and a constant column, its format found out', async () => {
  const rows = ['a,b', '0,7', '0,7', '10,7', '4,7'];
  const held = ['a,b', '4,7', '5,7'];
  const folder = await folderOf({ 'train.csv': rows.join('\n'), 'val.csv': held.join('\n') });
  const { status, stdout, stderr } = await command('inspect', folder);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain('validation: 2 examples; 0 exact duplicates, 1 also in the training part');
  expect(stdout).toMatch(/column 1 \(counted from 0, without the label's\) is constant: 7/);
  expect(stdout).toMatch(/column 1: 7 to 7, mean 7, standard deviation 0/);
  expect(stdout).toContain('the validation part has 2 examples only');
});

test('an array is inspected by its path, and written as a picture', async () => {
  // No file is wanted for a part: 40 images whose pixels are k / 40.
  const data = Float32Array.from({ length: 160 }, (_, i) => Math.floor(i / 4) / 40);
  const array = npyBytes({ dtype: 'float32', shape: [40, 2, 2], data });
  const folder = await folderOf({ 'x.npy': array });
  const out = join(folder, 'grid.png');
  const { status, stdout, stderr } = await command('inspect', join(folder, 'x.npy'), '--out', out);
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/train: \d+ examples; 0 exact duplicates/);
  expect([...(await readFile(out)).subarray(1, 4)].map((c) => String.fromCharCode(c)).join('')).toBe('PNG');
});

test('grey images in colour and silent sounds are said', async () => {
  const images: Record<string, Uint8Array> = {};
  const sounds: Record<string, Uint8Array> = {};
  for (let k = 0; k < 30; k++) {
    images[`a/${k}.png`] = await encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(8 * k) });
    sounds[`${k}.wav`] = encodeWav(new Float32Array(80).fill(0), 8000);
  }
  const pictures = await command('inspect', await folderOf(images), '--channels', '3');
  expect(pictures.status, pictures.stderr).toBe(0);
  expect(pictures.stdout).toContain('the images are grey though they have three channels');
  const silence = await command(
    'inspect',
    'audio',
    '--data-dir',
    await folderOf(sounds),
    '--clip-seconds',
    '0.01',
  );
  expect(silence.stdout).toContain('the data is constant: every value is 0');
});

test('what is neither a data set nor a path is one line', async () => {
  const { status, stderr } = await command('inspect', 'glyhps');
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(/^generatrix: unknown data set glyhps: .*glyphs/),
  ]);
  const empty = await command('inspect', await folderOf({ 'notes.txt': 'none' }));
  expect([empty.status, empty.stderr]).toEqual([1, expect.stringContaining('expected IDX files or csv')]);
});
