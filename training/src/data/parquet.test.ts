import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePng } from '@generatrix/runtime/media';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { everyIndex, expectUserError } from '../testing/test-support.ts';
import { parquet } from './parquet.ts';

const python = spawnSync('python3', ['-c', 'import pyarrow; print(pyarrow.__version__)'], {
  encoding: 'utf8',
});
const hasPyarrow = python.status === 0;
if (!hasPyarrow) console.log('skipped: reading what pyarrow writes, since python3 has no module pyarrow');

/** Writes every file of this test, by the reference implementation of the format. */
const script = `
import json, os, sys, pyarrow as pa, pyarrow.parquet as pq, numpy as np
os.chdir(sys.argv[1])
rng = np.random.default_rng(0)
n = 60
x = rng.normal(size=(n, 2)).astype('<f4')
kind = np.arange(n) % 3
numbers = pa.table({
  'x': x[:, 0], 'y': pa.array(x[:, 1].astype('f8')), 'count': pa.array(np.arange(n), pa.int64()),
  'flag': pa.array(kind == 1), 'half': pa.array(np.arange(n, dtype='f2') / 4),
  'list': pa.array([[i, i + 0.5] for i in range(n)], pa.list_(pa.float32())),
  'fixed': pa.array([[i, 1, 2] for i in range(n)], pa.list_(pa.int32(), 3)),
  'kind': pa.array(['abc'[k] for k in kind])})
for codec in ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4']:
  os.makedirs('codec-' + codec)
  pq.write_table(numbers, 'codec-' + codec + '/all.parquet', row_group_size=17, compression=codec, data_page_version='2.0' if codec == 'zstd' else '1.0')
json.dump([[float(x[i, 0]), float(x[i, 1]), i, int(kind[i] == 1), i / 4, i, i + 0.5, i, 1, 2] for i in range(n)], open('numbers.json', 'w'))
png = open('image.png', 'rb').read()
pngs = json.load(open('pngs.json'))
images = [{'bytes': bytes.fromhex(p), 'path': str(i) + '.png'} for i, p in enumerate(pngs)]
features = {'info': {'features': {'label': {'names': ['cat', 'dog', 'emu'], '_type': 'ClassLabel'}, 'image': {'_type': 'Image'}}}}
def write(path, rows, **more):
  t = pa.table({'image': pa.array([images[i] for i in rows]), 'label': pa.array([i % 2 for i in rows], pa.int64()), **more})
  os.makedirs(os.path.dirname(path), exist_ok=True)
  pq.write_table(t.replace_schema_metadata({'huggingface': json.dumps(features)}), path, row_group_size=4)
write('hf/train-00000-of-00002.parquet', range(0, 10)); write('hf/train-00001-of-00002.parquet', range(10, 14))
write('hf/validation-00000-of-00001.parquet', range(14, 17)); write('hf/test-00000-of-00001.parquet', range(17, 20))
write('text/a.parquet', range(4), caption=pa.array(['a'] * 4))
def table(name, columns):
  os.makedirs(name); pq.write_table(pa.table(columns), name + '/a.parquet')
table('null', {'x': pa.array([1.0, None, 3.0])})
table('nan', {'x': pa.array([1.0, float('nan'), 3.0])})
table('large', {'x': pa.array([1, 2**24 + 1, 3], pa.int64())})
table('huge', {'x': pa.array([1, 1e39, 3])})
table('ragged', {'x': pa.array([[1.0], [1.0, 2.0], [3.0]])})
table('words', {'x': pa.array([1.0, 2.0, 3.0]), 'name': pa.array(['a', 'b', 'c'])})
table('dates', {'when': pa.array([1, 2, 3], pa.timestamp('ms'))})
table('two', {'a': pa.array([b'a']), 'b': pa.array([b'b'])})
table('empty', {'x': pa.array([], pa.float32())})
table('outside', {'image': pa.array([{'bytes': None, 'path': 'elsewhere.png'}] * 3, pa.struct([('bytes', pa.binary()), ('path', pa.string())]))})
`;

let folder = '';
const cache = process.env.GENERATRIX_CACHE;

beforeAll(async () => {
  if (!hasPyarrow) return;
  folder = await mkdtemp(join(tmpdir(), 'generatrix-parquet-'));
  process.env.GENERATRIX_CACHE = join(folder, 'cache');
  const pngs = await Promise.all(
    Array.from({ length: 20 }, async (_, i) =>
      Buffer.from(await encodePng({ width: 2, height: 2, channels: 3, data: new Uint8Array(12).fill(i) })),
    ),
  );
  await writeFile(join(folder, 'pngs.json'), JSON.stringify(pngs.map((png) => png.toString('hex'))));
  await writeFile(join(folder, 'image.png'), pngs[0]!);
  const { status, stderr } = spawnSync('python3', ['-c', script, folder], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
afterAll(async () => {
  if (cache === undefined) delete process.env.GENERATRIX_CACHE;
  else process.env.GENERATRIX_CACHE = cache;
  if (folder !== '') await rm(folder, { recursive: true });
});

const splits = ['train', 'validation', 'test'] as const;

describe.skipIf(!hasPyarrow)('what pyarrow writes', () => {
  it.each(['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'])(
    'numbers of every type, packed by %s',
    async (codec) => {
      const expected = JSON.parse(await readFile(join(folder, 'numbers.json'), 'utf8')) as number[][];
      const found: number[][] = [];
      for (const split of splits) {
        const request = { dir: join(folder, `codec-${codec}`), split, labelColumn: 'kind' };
        const data = await parquet(request);
        expect(data.spec).toEqual({ kind: 'points', shape: [10] });
        expect(data.classNames).toEqual(['a', 'b', 'c']);
        const { data: values } = await data.gather(everyIndex(data));
        for (const row of everyIndex(data)) {
          const numbers = [...values.slice(10 * row, 10 * row + 10)];
          expect(data.labels![row]).toBe(numbers[2]! % 3);
          found.push(numbers);
        }
        // The same from a file, where it does not fit into memory.
        const onDisk = await parquet({ ...request, cacheBytes: 100 });
        const order = everyIndex(onDisk).toReversed();
        expect(await onDisk.gather(order)).toEqual(await data.gather(order));
        expect(onDisk.labels).toEqual(data.labels);
      }
      found.sort((a, b) => a[2]! - b[2]!);
      expect(found).toEqual(expected);
    },
  );

  it('images and class labels as Hugging Face lays them out, in memory and unpacked once', async () => {
    const dir = join(folder, 'hf');
    const sizes = { train: 14, validation: 3, test: 3 };
    for (const cacheBytes of [2 ** 20, 0]) {
      const seen: number[] = [];
      for (const split of splits) {
        const data = await parquet({ dir, split, cacheBytes });
        expect(data.size).toBe(sizes[split]);
        expect(data.classNames).toEqual(['cat', 'dog', 'emu']);
        const { shape, data: values } = await data.gather(everyIndex(data));
        expect(shape).toEqual([data.size, 2, 2, 3]);
        const levels = Array.from(everyIndex(data), (row) => Math.round(255 * values[12 * row]!));
        expect([...data.labels!]).toEqual(levels.map((level) => level % 2));
        seen.push(...levels);
      }
      expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => i));
    }
    const kept = await readdir(join(folder, 'cache'));
    expect(kept.some((name) => name.includes('partial'))).toBe(false);
  });

  it('images beside other columns are read', async () => {
    expect((await parquet({ dir: join(folder, 'text'), split: 'train' })).spec.kind).toBe('image');
  });

  it.each([
    ['null', /row 1: expected a finite number that float32 holds in column x, found none/],
    ['nan', /row 1: .* found NaN/],
    ['large', /row 1: expected numbers that float32 holds, found 16777217 in column x/],
    ['huge', /row 1: .* found 1e\+39/],
    ['ragged', /row 1: expected 1 numbers as in the first row, found 2/],
    ['words', /found name of STRING; drop it, or name it with --label-column/],
    ['dates', /found when of TIMESTAMP/],
    ['two', /expected one column of images, found a, b; call one of them image/],
    ['empty', /expected rows, found none/],
    ['outside', /row 0: expected an image's bytes in column image, found none; embed the images/],
  ])('refuses in one line: %s', async (name, line) => {
    await expectUserError(parquet({ dir: join(folder, name), split: 'train' }), line);
  });

  it('refuses a label that is not there, and a file that is no Parquet', async () => {
    await expectUserError(
      parquet({ dir: join(folder, 'words'), split: 'train', labelColumn: 'nmae' }),
      /expected a column nmae, found x, name; name one of these with --label-column/,
    );
    const path = join(folder, 'broken.parquet');
    await writeFile(path, 'PAR1 but nothing more, and long enough');
    await expectUserError(parquet({ dir: path, split: 'train' }), /broken\.parquet: expected a Parquet file/);
  });
});
