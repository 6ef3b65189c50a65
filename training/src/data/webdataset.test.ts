import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePng } from '@generatrix/runtime/media';
import { create } from 'tar';
import { expect, it } from 'vitest';
import { everyIndex, expectUserError, folderOf } from '../testing/test-support.ts';
import type { Dataset, Split } from './dataset.ts';
import { splitInName } from './split.ts';
import { webdataset } from './webdataset.ts';

const level = (i: number) => (i * 5) % 256;
const png = (i: number) =>
  encodePng({ width: 2, height: 3, channels: 3, data: new Uint8Array(18).fill(level(i)) });

/** A folder of shards, each of these files in this order. */
async function shardsOf(shards: Record<string, Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await folderOf({});
  for (const [name, files] of Object.entries(shards)) {
    const inside = await folderOf(files);
    await mkdir(join(folder, name, '..'), { recursive: true });
    await create({ file: join(folder, name), cwd: inside, portable: true }, Object.keys(files));
    await rm(inside, { recursive: true, force: true });
    await mkdir(inside);
  }
  return folder;
}

async function samples(from: number, to: number, label: (i: number) => Record<string, string>) {
  const files: Record<string, string | Uint8Array> = {};
  for (let i = from; i < to; i++) {
    files[`${i}.png`] = await png(i);
    for (const [extension, text] of Object.entries(label(i))) files[`${i}.${extension}`] = text;
  }
  return files;
}

const levels = async (data: Dataset): Promise<number[]> => {
  const { data: values } = await data.gather(everyIndex(data));
  return Array.from(everyIndex(data), (row) => Math.round(255 * values[18 * row]!));
};

it('reads shards in any order, with classes from .cls, each sample in one split', async () => {
  const dir = await shardsOf({
    '000.tar': await samples(0, 20, (i) => ({ cls: String(i % 4), txt: 'a caption' })),
    '001.tar': { ...(await samples(20, 40, (i) => ({ cls: ` ${i % 4}\n` }))), '._20.png': 'of macOS' },
  });
  const seen: number[] = [];
  for (const split of ['train', 'validation', 'test'] as const) {
    const data = await webdataset({ dir, split });
    expect(data.spec).toEqual({ kind: 'image', shape: [3, 2, 3], range: [0, 1] });
    expect(data.classNames).toEqual(['0', '1', '2', '3']);
    const found = await levels(data);
    expect([...data.labels!]).toEqual(found.map((value) => (value / 5) % 4));
    // The same samples, decoded when gathered, in another order.
    const lazy = await webdataset({ dir, split, cacheBytes: 0 });
    const order = everyIndex(lazy).toReversed();
    expect(await lazy.gather(order)).toEqual(await data.gather(order));
    seen.push(...found);
  }
  expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => level(i)));
});

it('takes the splits that the names of shards say, and classes of all of them', async () => {
  const dir = await shardsOf({
    'train-0.tar': await samples(0, 10, () => ({ json: '{"label": "cat", "width": 2}' })),
    'val/a.tar': await samples(10, 12, () => ({ json: '{"cls": "dog"}' })),
    'test-0.tar': await samples(12, 15, () => ({ json: '{"class": "ant"}' })),
  });
  const sizes = { train: 10, validation: 2, test: 3 };
  for (const [split, size] of Object.entries(sizes) as [Split, number][]) {
    const data = await webdataset({ dir, split });
    expect(data.size).toBe(size);
    expect(data.classNames).toEqual(['ant', 'cat', 'dog']);
  }
  expect([...(await webdataset({ dir, split: 'test' })).labels!]).toEqual([0, 0, 0]);
});

it('a sample that is added moves no other', async () => {
  const without = await shardsOf({ 'a.tar': await samples(0, 40, () => ({})) });
  const withMore = await shardsOf({
    'a.tar': await samples(0, 40, () => ({})),
    'b.tar': await samples(40, 50, () => ({})),
  });
  for (const split of ['train', 'validation', 'test'] as const) {
    const before = await webdataset({ dir: without, split });
    expect(before.labels).toBeNull();
    const after = await levels(await webdataset({ dir: withMore, split }));
    expect(after.filter((value) => value < level(40))).toEqual(await levels(before));
  }
});

it('refuses in one line what it cannot use', async () => {
  const one = await samples(0, 9, () => ({ cls: '1' }));
  const cases: [Record<string, Record<string, string | Uint8Array>>, RegExp[]][] = [
    [{ 'a.tar': { 'a.txt': 'no image' } }, [/a\.tar: expected samples with an image/]],
    [{ 'a.tar': { ...one, '5.jpg': 'x' } }, [/expected one image in sample 5, found several/]],
    [
      { 'a.tar': { ...one, 'x.png': await png(1) } },
      [/expected a label in every sample, found none in x; add x\.cls/],
    ],
    [{ 'a.tar': { ...one, '3.json': '{' } }, [/a\.tar, 3\.json: expected JSON, found '\{'/]],
    [
      { 'train-0.tar': one, 'other.tar': one },
      [/other\.tar: expected a name that says its split, as train-0\.tar does/],
    ],
    [{ 'test-0.tar': one }, [/expected shards to train on, found only test/]],
  ];
  for (const [shards, lines] of cases) {
    const dir = await shardsOf(shards);
    await expectUserError(webdataset({ dir, split: 'train' }), ...lines);
  }
  const broken = await shardsOf({ 'a.tar': { ...(await samples(0, 9, () => ({}))), 'x.png': 'no image' } });
  await expectUserError(
    webdataset({ dir: broken, split: 'train' }),
    /a\.tar, sample x: expected an image, found a broken one/,
  );
});

it('names of splits are words of their own', () => {
  const names = [
    'train-0001.tar',
    'x/VAL/1.tar',
    'cifar_test.parquet',
    'data-validation-0-of-2',
    'latest.tar',
    'constructor',
  ];
  expect(names.map(splitInName)).toEqual(['train', 'validation', 'test', 'validation', null, null]);
  // Under a folder of training data, a file of its validation part.
  expect(splitInName('train/val-0.tar')).toBe('validation');
});
