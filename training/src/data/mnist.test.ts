import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { everyIndex, expectUserError, folderOf, testWithData } from '../testing/test-support.ts';
import { mnist } from './mnist.ts';

/** An IDX file of unsigned bytes, written as the format's page lays it out. */
function idx(shape: readonly number[], values: readonly number[]): Uint8Array {
  const dims = shape.flatMap((dim) => [dim >>> 24, (dim >>> 16) & 255, (dim >>> 8) & 255, dim & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...dims, ...values]);
}

const pixels = Array.from({ length: 3 * 2 * 4 }, (_, i) => 10 * i);
const images = idx([3, 2, 4], pixels);
const labels = idx([3], [7, 0, 9]);
const imagesName = 'train-images-idx3-ubyte';
const labelsName = 'train-labels-idx1-ubyte';

test.each([
  ['plain', imagesName, images],
  ['packed', `${imagesName}.gz`, gzipSync(images)],
  ['with a dot', 'train-images.idx3-ubyte', images],
  ['with a prefix', `emnist-digits-${imagesName}`, images],
])('reads %s files', async (_, name, content) => {
  const dir = await folderOf({ [name]: content, [labelsName]: labels });
  const data = await mnist({ dir, split: 'train' });
  expect(data.spec).toEqual({ kind: 'image', shape: [2, 4, 1], range: [0, 1] });
  expect(data.labels).toEqual(Int32Array.from([7, 0]));
  expect(data.classNames).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  const { shape, data: values } = await data.gather([1, 0]);
  expect(shape).toEqual([2, 2, 4, 1]);
  expect(values).toEqual(
    Float32Array.from([...pixels.slice(8, 16), ...pixels.slice(0, 8)], (byte) => byte / 255),
  );
  // The last tenth, at least one, is set apart.
  const validation = await mnist({ dir, split: 'validation' });
  expect([...validation.labels!]).toEqual([9]);
  expect((await validation.gather([0])).data).toEqual(
    Float32Array.from(pixels.slice(16), (byte) => byte / 255),
  );
});

test('reads images alone as unlabelled, and t10k as the test split', async () => {
  const dir = await folderOf({ 't10k-images-idx3-ubyte': images });
  const data = await mnist({ dir, split: 'test' });
  expect(data.labels).toBeNull();
  expect(data.classNames).toEqual([]);
  expect(data.size).toBe(3);
});

test('size takes a seeded subset with its own labels', async () => {
  const dir = await folderOf({ [imagesName]: images, [labelsName]: labels });
  const data = await mnist({ dir, split: 'train', size: 1 });
  expect(data.size).toBe(1);
  const firstPixel = { 7: 0, 0: 80, 9: 160 };
  for (const [i, label] of data.labels!.entries()) {
    expect((await data.gather([i])).data[0]).toBe(Math.fround(firstPixel[label as 0 | 7 | 9] / 255));
  }
});

test.each<[string, Record<string, Uint8Array | string>, (string | RegExp)[]]>([
  ['no images', { 'readme.txt': 'x' }, ['train-images-idx3-ubyte', 'readme.txt', '--data-dir']],
  ['an empty folder', { 'sub/x': 'x' }, ['no files']],
  ['an empty file', { [imagesName]: '' }, [imagesName, 'empty file']],
  ['a file of two bytes', { [imagesName]: 'ab' }, [imagesName, 'only 2 bytes']],
  ['a header cut short', { [imagesName]: images.subarray(0, 9) }, [imagesName, 'header of 16 bytes', '9']],
  ['another magic', { [imagesName]: labels }, [imagesName, '0x00000803', '0x00000801']],
  ['values cut short', { [imagesName]: images.subarray(0, 30) }, [imagesName, '24 values', 'found 14']],
  [
    'values left over',
    { [imagesName]: Uint8Array.from([...images, 1]) },
    [imagesName, '24 values', 'found 25'],
  ],
  ['no values', { [imagesName]: idx([0, 2, 4], []) }, [imagesName, 'found none']],
  [
    'broken gzip',
    { [`${imagesName}.gz`]: gzipSync(images).subarray(0, 20) },
    [`${imagesName}.gz`, 'broken archive'],
  ],
  [
    'too few labels',
    { [imagesName]: images, [labelsName]: idx([2], [1, 2]) },
    [labelsName, '3 labels', 'found 2'],
  ],
  [
    'labels under another name',
    { [imagesName]: images, 'train-label-idx1-ubyte': labels },
    ['train-label-idx1-ubyte', labelsName, 'rename'],
  ],
  [
    'bytes of 0 and 1',
    { [imagesName]: idx([3, 1, 2], [0, 1, 1, 0, 0, 1]) },
    [imagesName, 'only 0 and 1', '255'],
  ],
  [
    'two sets',
    { [imagesName]: images, [`kmnist-${imagesName}`]: images },
    ['one file of train images', 'kmnist'],
  ],
])('refuses %s', async (_, files, texts) => {
  const dir = await folderOf(files);
  await expectUserError(mnist({ dir, split: 'train' }), dir, ...texts);
});

test('the test part has the classes of training, and no label beyond them', async () => {
  const files = (train: number, held: number) => ({
    [imagesName]: images,
    [labelsName]: idx([3], [1, train, 2]),
    't10k-images-idx3-ubyte': images,
    't10k-labels-idx1-ubyte': idx([3], [1, held, 2]),
  });
  const dir = await folderOf(files(11, 3));
  for (const split of ['train', 'validation', 'test'] as const)
    expect((await mnist({ dir, split })).classNames).toHaveLength(12);
  const beyond = await folderOf(files(3, 47));
  expect((await mnist({ dir: beyond, split: 'train' })).classNames).toHaveLength(10);
  await expectUserError(mnist({ dir: beyond, split: 'test' }), 'test labels 0 to 9', 'found 47');
});

test('refuses a folder that is not there, and a file in its place', async () => {
  const dir = await folderOf({ file: 'x' });
  await expectUserError(
    mnist({ dir: `${dir}/none`, split: 'train' }),
    `${dir}/none`,
    'nothing there',
    '--data-dir',
  );
  await expectUserError(mnist({ dir: `${dir}/file`, split: 'train' }), `${dir}/file`, 'a file');
});

testWithData('mnist', 'reads MNIST itself', async (dir) => {
  const started = performance.now();
  const train = await mnist({ dir, split: 'train', splitRule: 'permutation' });
  console.log(`MNIST: 60,000 images loaded in ${(performance.now() - started).toFixed(0)} ms`);
  const test10k = await mnist({ dir, split: 'test' });
  expect([train.size, test10k.size]).toEqual([60_000, 10_000]);
  // The class counts and the mean of MNIST as published with it (mean 0.1307, the usual normalisation).
  const counts = new Array<number>(10).fill(0);
  for (const label of train.labels!) counts[label]!++;
  expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
  expect([...train.labels!.slice(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
  const values = (await train.gather(everyIndex({ size: 60_000 }))).data;
  let sum = 0;
  for (const value of values) sum += value;
  expect(sum / values.length).toBeCloseTo(0.1307, 4);
});

test('a file beyond the cache is left where it is, and gives the same', async () => {
  const many = idx(
    [30, 2, 4],
    Array.from({ length: 240 }, (_, k) => (k * 37) % 256),
  );
  const dir = await folderOf({
    [imagesName]: many,
    [labelsName]: idx(
      [30],
      Array.from({ length: 30 }, (_, i) => i % 10),
    ),
  });
  for (const split of ['train', 'validation'] as const) {
    for (const size of [undefined, 2]) {
      const whole = await mnist({ dir, split, size });
      const ranged = await mnist({ dir, split, size, cacheBytes: 0 });
      expect(ranged.labels).toEqual(whole.labels);
      const order = everyIndex(whole).toReversed();
      expect(await ranged.gather(order)).toEqual(await whole.gather(order));
    }
  }
  const cut = await folderOf({ [imagesName]: many.subarray(0, 200) });
  await expectUserError(
    mnist({ dir: cut, split: 'train', cacheBytes: 0 }),
    'expected 240 values of shape [30,2,4], found 184',
  );
  await expectUserError(
    mnist({ dir: await folderOf({ [imagesName]: '12' }), split: 'train', cacheBytes: 0 }),
    'only 2 bytes',
  );
});
