import { expect, test } from 'vitest';
import { expectUserError, folderOf, testWithData } from '../testing/test-support.ts';
import { datasetCatalogue, loadDataset } from './catalogue.ts';
import type { DatasetRequest, Split } from './dataset.ts';
import { mnist } from './mnist.ts';

const drawn = datasetCatalogue.filter(({ needs }) => needs === 'nothing');

test.each(drawn.flatMap(({ name, aliases }) => [name, ...aliases]))('%s needs no files', async (name) => {
  const data = await loadDataset({ name, split: 'test', size: 4, seed: 1 });
  expect(data.size).toBe(4);
  const { shape, dtype } = await data.gather([0, 3]);
  expect({ shape, dtype }).toEqual({ shape: [2, ...data.spec.shape], dtype: 'float32' });
  expect(data.labels!.every((label) => label >= 0 && label < data.classNames.length)).toBe(true);
});

test('an alias is the same data', async () => {
  const read = async (name: string): Promise<string> =>
    (await (await loadDataset({ name, split: 'train', size: 9 })).gather([0, 8])).data.join();
  expect(await read('rings')).toBe(await read('ring8'));
});

test('names and aliases are unique', () => {
  const names = datasetCatalogue.flatMap(({ name, aliases }) => [name, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
});

test('an unknown name lists the known ones, closest first', async () => {
  await expectUserError(
    loadDataset({ name: 'minst', split: 'train' }),
    /^unknown data set minst: expected one of mnist, .*glyphs/,
  );
});

test('every set that reads files asks for them, and says when they are not there', async () => {
  const dir = await folderOf({});
  for (const { name, needs } of datasetCatalogue) {
    if (needs === 'nothing') continue;
    await expectUserError(loadDataset({ name, split: 'train' }), name, `needs a ${needs}`, '--data-dir');
    await expectUserError(
      loadDataset({ name, split: 'train', dir: `${dir}/none` }),
      `${dir}/none`,
      'nothing there',
    );
    await expectUserError(loadDataset({ name, split: 'train', dir }), dir, 'expected');
  }
});

test.each<[Partial<DatasetRequest>, (string | RegExp)[]]>([
  [{ imageSize: [8, 8] }, ['glyphs does not read --image-size', '--data-size']],
  [{ dir: '/x' }, ['glyphs does not read --data-dir']],
  [{ size: 0 }, ['--data-size 0', 'whole number above 0']],
  [{ seed: -1 }, ['--seed -1', 'whole number from 0']],
  [{ size: 1.5 }, ['--data-size 1.5']],
  [{ name: 'images', dir: '/x', imageSize: [8, 0] }, ['--image-size 8,0']],
  [{ name: 'images', dir: '/x', channels: 2 as 1 }, ['--channels 2', '1 or 3']],
  [{ name: 'wav', dir: '/x', sampleRate: -1 }, ['--sample-rate -1']],
  [{ name: 'wav', dir: '/x', clipSeconds: Number.NaN }, ['--clip-seconds NaN']],
  [{ name: 'csv', dir: '/x', splitSeed: -1 }, ['--split-seed -1']],
])('refuses the setting %o', async (settings, texts) => {
  await expectUserError(loadDataset({ name: 'glyphs', split: 'train', ...settings }), ...texts);
});

testWithData('mnist', "MNIST's last 10,000 training images are set apart to validate", async (dir) => {
  const load = (split: Split, size?: number) =>
    loadDataset({ name: 'mnist', split, dir, ...(size === undefined ? {} : { size }) });
  const [train, validation] = [await load('train'), await load('validation')];
  // The older rule keeps all of the training file together.
  const all = await mnist({ dir, split: 'train', splitRule: 'permutation' });
  expect([train.size, validation.size, (await load('test')).size]).toEqual([50_000, 10_000, 10_000]);
  expect(validation.labels).toEqual(all.labels!.slice(50_000));
  expect(await validation.gather([0, 9_999])).toEqual(await all.gather([50_000, 59_999]));
  expect(await train.gather([49_999])).toEqual(await all.gather([49_999]));
  expect((await load('train', 100)).size).toBe(100);
  await expect(validation.gather([10_000])).rejects.toThrow('index 10000 is outside its 10000 examples');
});
