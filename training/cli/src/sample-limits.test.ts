import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostTensor } from '@generatrix/runtime/core';
import { npyBytes } from '@generatrix/runtime/media';
import { expectUserError, folderOf } from '@generatrix/training/testing';
import { expect, test } from 'vitest';
import { writeSampleArray } from './sample-array.ts';
import { checkPicture } from './sample-limits.ts';

const image = { kind: 'image', shape: [28, 28, 1], range: [0, 1] } as const;
const check = async (...args: Parameters<typeof checkPicture>) => checkPicture(...args);

test('the largest picture is written, and the next is refused with the most that would do', async () => {
  await check(image, 64, { scale: 51 });
  await expectUserError(
    check(image, 64, { scale: 52 }),
    '--scale 52: the picture would have 11648x11648 pixels; say at most 51',
  );
  await expectUserError(check(image, 64, { scale: 100_000 }), /--scale 100000: .*say at most 51/);
  await expectUserError(
    check(image, 1e9, {}),
    /--count 1000000000: .*say at most 170569, or write a \.npy file/,
  );
  await check(image, 170_569, {});
  await expectUserError(check(image, 1, { columns: 1e9 }), '--columns 1000000000: the picture would have');
});

test('plots and sounds have an end too', async () => {
  await expectUserError(
    check({ kind: 'points', shape: [2] }, 1e8, {}),
    '--count 100000000: a plot takes at most 10000000',
  );
  const sound = { kind: 'audio', shape: [8000], sampleRate: 8000, range: [-1, 1] } as const;
  await check(sound, 134_217, {});
  await expectUserError(check(sound, 134_218, {}), /--count 134218: a sound file .* at most 134217/);
});

test('an array that is written in parts is the array written whole, of one seed', async () => {
  const out = join(await folderOf({}), 'samples.npy');
  const value = (index: number, axis: number) => 2 * index + axis;
  const values = (first: number, count: number) =>
    Float32Array.from({ length: 2 * count }, (_, i) => value(first + (i >> 1), i & 1));
  const asked: unknown[] = [];
  const seed = await writeSampleArray(
    out,
    { count: 10, shape: [2], chunk: 4 },
    async (first, count, same) => {
      asked.push([first, count, same]);
      return { seed: 7, data: hostTensor('float32', [count, 2], values(first, count)) };
    },
  );
  expect(seed).toBe(7);
  expect(asked).toEqual([
    [0, 4, undefined],
    [4, 4, 7],
    [8, 2, 7],
  ]);
  const whole = npyBytes(hostTensor('float32', [10, 2], values(0, 10)));
  expect(new Uint8Array(await readFile(out))).toEqual(whole);
});
