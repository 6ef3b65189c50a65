import { encodePng } from '@generatrix/runtime/media';
import { expect, it } from 'vitest';
import { everyIndex, expectUserError, folderOf } from '../testing/test-support.ts';
import { splits } from './dataset.ts';
import { imageFolder } from './image-folder.ts';

const png = (level: number) =>
  encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3).fill(level) });

async function images(folder: string, levels: readonly number[]): Promise<Record<string, Uint8Array>> {
  const files = await Promise.all(
    levels.map(async (level) => [`${folder}${level}.png`, await png(level)] as const),
  );
  return Object.fromEntries(files);
}

it('classes from metadata.csv and metadata.jsonl in the folders of the splits, as Hugging Face lays them out', async () => {
  const dir = await folderOf({
    ...(await images('train/', [1, 2, 3, 4])),
    'train/metadata.csv':
      'file_name,label,text\n1.png,cat,"one, of four"\n2.png,dog,\n3.png,cat,\n4.png,dog,\n',
    ...(await images('test/deep/', [5, 6])),
    'test/metadata.jsonl':
      '{"file_name": "deep/5.png", "label": "emu"}\n{"file_name": "deep/6.png", "label": "cat"}\n',
    ...(await images('validation/', [7])),
    'validation/metadata.csv': 'file_name,label\n7.png,dog\n',
  });
  const found: Record<number, string> = {};
  for (const split of splits) {
    const data = await imageFolder({ dir, split });
    expect(data.classNames).toEqual(['cat', 'dog', 'emu']);
    const { data: values } = await data.gather(everyIndex(data));
    for (const row of everyIndex(data)) {
      found[Math.round(255 * values[3 * row]!)] = data.classNames[data.labels![row]!]!;
    }
  }
  expect(found).toEqual({ 1: 'cat', 2: 'dog', 3: 'cat', 4: 'dog', 5: 'emu', 6: 'cat', 7: 'dog' });
});

it('one table in the folder itself, split by hash; a table without labels says nothing', async () => {
  const levels = Array.from({ length: 12 }, (_, i) => i);
  const rows = levels.map((level) => `${level}.png,${level % 2}`);
  const dir = await folderOf({
    ...(await images('', levels)),
    'metadata.csv': `file_name,label\n${rows.join('\n')}\n`,
  });
  const data = await imageFolder({ dir, split: 'train' });
  const { data: values } = await data.gather(everyIndex(data));
  expect([...data.labels!]).toEqual(
    Array.from(everyIndex(data), (row) => Math.round(255 * values[3 * row]!) % 2),
  );
  const captions = await folderOf({
    ...(await images('', levels)),
    'metadata.csv': 'file_name,text\n0.png,a\n',
  });
  expect((await imageFolder({ dir: captions, split: 'train' })).labels).toBeNull();
});

it.each([
  ['file_name,label\n0.png,a\n', [/[1-5]\.png: expected a row for/, 'metadata.csv']],
  ['file_name,label\n0.png,\n', ['metadata.csv', 'expected file_name and label in row 1']],
  ['file_name,label\n0.png,"a\n', ['metadata.csv', 'a broken one']],
])('refuses in one line a table that does not fit: %j', async (table, texts) => {
  const dir = await folderOf({
    ...(await images('train/', [0, 1, 2, 3, 4, 5])),
    ...(await images('test/', [2])),
    'train/metadata.csv': table,
  });
  await expectUserError(imageFolder({ dir, split: 'train' }), ...texts);
});
