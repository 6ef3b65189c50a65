import { expect, test } from 'vitest';
import { datasetCatalogue, loadDataset } from './catalogue.ts';
import type { DatasetRequest } from './dataset.ts';
import { expectUserError, folderOf } from './test-support.ts';

const drawn = datasetCatalogue.filter(({ needs }) => needs === 'nothing');

test.each(drawn.flatMap(({ name, aliases }) => [name, ...aliases]))('%s needs no files', async (name) => {
  const data = await loadDataset({ name, split: 'test', size: 4, seed: 1 });
  expect(data.size).toBe(4);
  const { shape, dtype } = data.gather([0, 3]);
  expect({ shape, dtype }).toEqual({ shape: [2, ...data.spec.shape], dtype: 'float32' });
  expect(data.labels!.every((label) => label >= 0 && label < data.classNames.length)).toBe(true);
});

test('an alias is the same data', async () => {
  const read = async (name: string): Promise<string> =>
    (await loadDataset({ name, split: 'train', size: 9 })).gather([0, 8]).data.join();
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
