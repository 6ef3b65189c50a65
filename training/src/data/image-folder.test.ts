import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { everyIndex, expectUserError, folderOf, testWithData } from '../testing/test-support.ts';
import { type Split, splits } from './dataset.ts';
import { imageFolder } from './image-folder.ts';

type Colour = readonly [number, number, number];

/** An image of one colour, encoded by what the name ends with. */
function plain(
  format: 'png' | 'jpeg' | 'webp',
  [r, g, b]: Colour,
  width = 8,
  height = 6,
): Promise<Uint8Array> {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
    .toFormat(format)
    .toBuffer();
}

/** A PNG of these values, losslessly. */
function exact(
  values: readonly number[],
  width: number,
  height: number,
  channels: 1 | 3 | 4,
): Promise<Uint8Array> {
  return sharp(Uint8Array.from(values), { raw: { width, height, channels } }).png().toBuffer();
}

const red = await plain('png', [255, 0, 0]);
const green = await plain('jpeg', [0, 255, 0]);
const blue = await plain('webp', [0, 0, 255]);

test('sub-folders train, val and test are the splits, their sub-folders the classes', async () => {
  const dir = await folderOf({
    'train/warm/a.png': red,
    'train/cold/deep/b.webp': blue,
    'val/cold/e.webp': blue,
    'test/cold/c.webp': blue,
    'test/grass/d.JPG': green,
    'train/.hidden/x.png': 'no image',
    'train/warm/notes.txt': 'no image',
  });
  const train = await imageFolder({ dir, split: 'train', imageSize: [2, 2] });
  expect(train.classNames).toEqual(['cold', 'grass', 'warm']);
  expect([...train.labels!]).toEqual([0, 2]);
  expect(train.spec).toEqual({ kind: 'image', shape: [2, 2, 3], range: [0, 1] });
  const pixels = (await train.gather([1, 0])).data;
  expect([...pixels.slice(0, 3)]).toEqual([1, 0, 0]);
  // WebP is lossy: off by a few of 255 steps.
  [...pixels.slice(12, 15)].forEach((value, c) => {
    expect(Math.abs(value - [0, 0, 1][c]!)).toBeLessThan(4 / 255);
  });
  const held = await imageFolder({ dir, split: 'test', imageSize: [2, 2] });
  expect([...held.labels!]).toEqual([0, 1]);
  const validation = await imageFolder({ dir, split: 'validation', imageSize: [2, 2] });
  expect([...validation.labels!]).toEqual([0]);
});

test('values pass unchanged at the images own size, grey or colour', async () => {
  const values = Array.from({ length: 24 }, (_, i) => 10 * i);
  const file = await exact(values, 4, 2, 3);
  const grey = await exact(values.slice(0, 8), 4, 2, 1);
  const dir = await folderOf({ 'a.png': file, 'b.png': file, 'c.png': file });
  const colour = await imageFolder({ dir, split: 'train' });
  expect(colour.spec.shape).toEqual([2, 4, 3]);
  expect(colour.labels).toBeNull();
  expect((await colour.gather([0])).data).toEqual(Float32Array.from(values, (byte) => byte / 255));
  const one = await imageFolder({
    dir: await folderOf({ 'a.png': grey, 'b.png': grey, 'c.png': grey }),
    split: 'test',
    channels: 1,
  });
  expect((await one.gather([0])).data).toEqual(Float32Array.from(values.slice(0, 8), (byte) => byte / 255));
  const tripled = await imageFolder({
    dir: await folderOf({ 'a.png': grey, 'b.png': grey, 'c.png': grey }),
    split: 'test',
  });
  expect([...(await tripled.gather([0])).data.slice(3, 6)]).toEqual(Array(3).fill(Math.fround(10 / 255)));
});

test('a wide image covers the square: its middle is kept and not stretched', async () => {
  // Four columns: black, white, white, black.
  const file = await exact([0, 255, 255, 0, 0, 255, 255, 0], 4, 2, 1);
  const dir = await folderOf({ 'a.png': file, 'b.png': file, 'c.png': file });
  const data = await imageFolder({ dir, split: 'test', imageSize: [2, 2], channels: 1 });
  expect([...(await data.gather([0])).data]).toEqual([1, 1, 1, 1]);
});

test('lays transparent images on white', async () => {
  const file = await exact([0, 0, 0, 0, 0, 0, 0, 255], 2, 1, 4);
  const dir = await folderOf({ 'a.png': file, 'b.png': file, 'c.png': file });
  const data = await imageFolder({ dir, split: 'test' });
  expect([...(await data.gather([0])).data]).toEqual([1, 1, 1, 0, 0, 0]);
});

test('turns a photograph upright', async () => {
  const file = await sharp(Uint8Array.from([0, 255]), { raw: { width: 2, height: 1, channels: 1 } })
    .withMetadata({ orientation: 6 })
    .png()
    .toBuffer();
  const data = await imageFolder({
    dir: await folderOf({ 'a.png': file, 'b.png': file, 'c.png': file }),
    split: 'test',
    channels: 1,
  });
  // Orientation 6: the left column of the file is the top row of the picture.
  expect(data.spec.shape).toEqual([2, 1, 1]);
  expect([...(await data.gather([0])).data]).toEqual([0, 1]);
});

test('without a split, paths are hashed to train, validate and test; size takes fewer', async () => {
  const files = Object.fromEntries(
    await Promise.all(
      Array.from(
        { length: 20 },
        async (_, i) => [`c${i % 2}/${i}.png`, await plain('png', [i, 0, 0])] as const,
      ),
    ),
  );
  const dir = await folderOf(files);
  const reds = async (split: Split, size?: number): Promise<number[]> => {
    const data = await imageFolder({ dir, split, size, imageSize: [1, 1] });
    const values = await Promise.all(
      Array.from(everyIndex(data), async (i) => Math.round(255 * Number((await data.gather([i])).data[0]))),
    );
    expect(values.map((value) => value % 2)).toEqual([...data.labels!]);
    return values;
  };
  const parts = await Promise.all(splits.map((split) => reds(split)));
  expect(Math.min(...parts.map(({ length }) => length))).toBeGreaterThan(0);
  expect(parts.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
  const train = parts[0]!;
  const few = await reds('train', 5);
  expect(few.length).toBe(5);
  expect(few.every((value) => train.includes(value))).toBe(true);
});

const jpeg = await sharp(
  Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256),
  {
    raw: { width: 64, height: 64, channels: 3 },
  },
)
  .jpeg()
  .toBuffer();
const wide = (values: Uint16Array | Float32Array, depth: 'ushort' | 'float', format: 'png' | 'tiff') =>
  sharp(values, { raw: { width: 2, height: 1, channels: 1 } })
    .toColourspace(depth === 'ushort' ? 'grey16' : 'b-w')
    .toFormat(format)
    .toBuffer();

test('16 bits go from black to white', async () => {
  const file = await wide(Uint16Array.of(0x8080, 0xffff), 'ushort', 'png');
  const dir = await folderOf({ 'a.png': file, 'b.png': file, 'c.png': file });
  const data = await imageFolder({ dir, split: 'train', channels: 1 });
  expect(Array.from((await data.gather([0])).data, (value) => Math.round(255 * Number(value)))).toEqual([
    128, 255,
  ]);
});

test('16 bits that hold 12 are refused', async () => {
  const file = await wide(Uint16Array.of(7, 4095), 'ushort', 'png');
  const dir = await folderOf({ 'a.png': file, 'b.png': file, 'c.png': file });
  await expectUserError(
    async () => (await imageFolder({ dir, split: 'train' })).gather([0]),
    '.png',
    'up to 4095 of 65535',
    'scale',
  );
});

const large = await plain('png', [1, 2, 3], 300, 20);

test.each([
  ['Train', 'Valid', 'TEST'],
  ['training', 'validation', 'Testing'],
  ['train', 'dev', 'test'],
])('folders %s, %s and %s are the splits', async (...folders) => {
  const dir = await folderOf(Object.fromEntries(folders.map((name) => [`${name}/${name}.png`, red])));
  const read = (split: Split) => imageFolder({ dir, split, imageSize: [1, 1] });
  for (const split of splits) expect((await read(split)).size).toBe(1);
  expect((await read('train')).classNames).toEqual([]);
});

test.each<[string, Record<string, string | Uint8Array>, (string | RegExp)[]]>([
  [
    'two folders for one split',
    { 'train/a.png': red, 'Train/b.png': red, 'test/c.png': red },
    ['one folder for the train split', 'Train and train'],
  ],
  ['a folder without images', { 'a.txt': 'x' }, ['.png', 'found none', '--data-dir']],
  [
    'a file that is no image',
    { 'a.png': 'not a picture', 'b.png': red, 'c.png': red },
    ['a.png', 'expected an image', 'remove'],
  ],
  ['an empty image file', { 'a.png': '', 'b.png': red, 'c.png': red }, ['a.png', 'expected an image']],
  ['a cut-off image', { 'a.png': red, 'b.jpg': jpeg.subarray(0, 1500), 'c.png': red }, ['b.jpg', 'broken']],
  ['a single image', { 'a.png': red }, ['at least 3 different examples', 'found 1']],
  [
    'images beside class folders',
    { 'a.png': red, 'x/b.png': red, 'y/c.png': red },
    ['found 1', 'a.png', 'move'],
  ],
  ['test without train', { 'test/a.png': red }, ['train beside test']],
  ['train empty', { 'train/a.txt': 'x', 'test/b.png': red }, [/train: expected images/]],
  [
    'classes in train only',
    { 'train/x/a.png': red, 'train/y/b.png': red, 'test/c.png': red },
    ['each of train, test', 'found them in some'],
  ],
  [
    'large images without a size',
    { 'a.png': large, 'b.png': large, 'c.png': large },
    ['a.png', '20x300', '--image-size'],
  ],
])('refuses %s', async (_, files, texts) => {
  const dir = await folderOf(files);
  await expectUserError(
    async () => {
      for (const split of splits) await imageFolder({ dir, split });
    },
    dir,
    ...texts,
  );
});

test('refuses a size that no image fits into memory at, before decoding', async () => {
  const dir = await folderOf({ 'a.png': red, 'b.png': red, 'c.png': red, 'd.png': red });
  await expectUserError(
    imageFolder({ dir, split: 'train', imageSize: [40_000, 40_000] }),
    '--image-size 40000x40000',
    'found 4800000000',
  );
});

test('images beyond the cache are decoded as they are gathered, to the same values', async () => {
  const files = Object.fromEntries(
    await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const values = Array.from({ length: 12 }, (_, k) => (i * 40 + k * 7) % 256);
        return [`${i % 3}/${i}.png`, await exact(values, 2, 2, 3)] as const;
      }),
    ),
  );
  const dir = await folderOf(files);
  const whole = await imageFolder({ dir, split: 'train' });
  for (const cacheBytes of [0, 30]) {
    const lazy = await imageFolder({ dir, split: 'train', cacheBytes });
    expect(lazy.labels).toEqual(whole.labels);
    const order = everyIndex(lazy).toReversed();
    for (const _ of [0, 1]) expect(await lazy.gather(order)).toEqual(await whole.gather(order));
  }
  const broken = await folderOf({ ...files, '0/broken.png': 'no image' });
  await expectUserError(
    imageFolder({ dir: broken, split: 'train', splitSeed: 1 }),
    'broken.png',
    'remove or replace',
  );
  const lazy = await imageFolder({ dir: broken, split: 'train', splitSeed: 1, cacheBytes: 0 });
  await expectUserError(lazy.gather(everyIndex(lazy)), 'broken.png', 'remove or replace');
});

testWithData('cifar10-jpeg', 'reads CIFAR-10 as JPEG files', async (dir) => {
  const data = await imageFolder({ dir, split: 'test', size: 300 });
  expect(data.spec.shape).toEqual([32, 32, 3]);
  expect(data.classNames).toEqual([
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
  ]);
  expect(new Set(data.labels).size).toBe(10);
  const values = (await data.gather(everyIndex(data))).data;
  let sum = 0;
  for (const value of values) sum += value;
  // CIFAR-10's mean over channels is 0.4734; over 300 images its standard error is about 0.012.
  expect(Math.abs(sum / values.length - 0.4734)).toBeLessThan(0.05);
});

/** A grey PNG: sharp writes one channel as such only when told. */
const greyPng = (level: number): Promise<Uint8Array> =>
  sharp(new Uint8Array(48).fill(level), { raw: { width: 8, height: 6, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();

test('a folder of grey images is grey in every part, one with a colour image among them is not', async () => {
  const grey = await Promise.all(Array.from({ length: 12 }, (_, i) => greyPng(20 * i)));
  const files = Object.fromEntries(grey.map((bytes, i) => [`${i}.png`, bytes]));
  const dir = await folderOf(files);
  const seen = new Set<number>();
  for (const split of splits) {
    const part = await imageFolder({ dir, split });
    expect(part.spec.shape).toEqual([6, 8, 1]);
    expect(part.notes).toEqual(['grey, as the images are (--channels 3 makes them RGB)']);
    for (const value of (await part.gather(everyIndex(part))).data) seen.add(Math.round(255 * value));
  }
  expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => 20 * i));
  expect((await imageFolder({ dir, split: 'train', channels: 3 })).spec.shape).toEqual([6, 8, 3]);

  const mixed = await folderOf({ ...files, 'z.png': red });
  for (const split of splits)
    expect((await imageFolder({ dir: mixed, split })).spec.shape).toEqual([6, 8, 3]);
});

test('a colour image that was not among those looked at is refused, with the cure', async () => {
  const grey = await greyPng(90);
  const files = Object.fromEntries(
    Array.from({ length: 401 }, (_, i) => [`${String(i).padStart(3, '0')}.png`, i === 1 ? red : grey]),
  );
  const dir = await folderOf(files);
  // Of 401 files every third is looked at.
  await expectUserError(
    async () => {
      for (const split of splits) {
        const part = await imageFolder({ dir, split });
        await part.gather(everyIndex(part));
      }
    },
    '001.png: expected a grey image',
    '--channels 3 or --channels 1',
  );
});

test('says which files it passed over, by extension', async () => {
  const dir = await folderOf({
    'a/1.png': red,
    'a/2.png': red,
    'b/3.png': blue,
    'b/4.bmp': 'BM',
    'b/5.BMP': 'BM',
    'b/notes': 'x',
    'readme.txt': 'x',
    '.hidden': 'x',
  });
  expect((await imageFolder({ dir, split: 'train', imageSize: [2, 2] })).notes).toEqual([
    'files passed over: 2 .bmp, 1 without extension, 1 .txt',
  ]);
});

test('links to a folder that holds them do not lead round and round', async () => {
  const dir = await folderOf({ 'a/1.png': red, 'a/2.png': red, 'b/3.png': blue, 'b/4.png': blue });
  await symlink('..', join(dir, 'a', 'round'));
  await symlink('.', join(dir, 'b', 'self'));
  let size = 0;
  for (const split of splits) size += (await imageFolder({ dir, split, imageSize: [2, 2] })).size;
  expect(size).toBe(4);
});

test('a folder of pictures in another format says which, and to convert them', async () => {
  const dir = await folderOf({ '1.bmp': 'BM', '2.bmp': 'BM', 'notes.txt': 'x' });
  await expectUserError(
    imageFolder({ dir, split: 'train' }),
    'found none among 3 files and 0 folders',
    '2 .bmp, 1 .txt',
    'convert them',
  );
});
