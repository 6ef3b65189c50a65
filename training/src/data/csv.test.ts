import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { everyIndex, expectUserError, folderOf } from '../testing/test-support.ts';
import { type CsvOptions, csv } from './csv.ts';
import { type Split, splits } from './dataset.ts';

const header = 'x,y,kind\n';
const body = (rows: number, from = 0): string =>
  Array.from({ length: rows }, (_, i) => `${from + i},-${from + i}.5,${i % 2 ? 'odd' : 'even'}\n`).join('');

test('reads a file with header and label column, split by what the rows hold', async () => {
  const dir = await folderOf({ 'points.csv': `\ufeff${header}${body(20)}` });
  const rows = async (split: Split, path = dir): Promise<number[]> => {
    const data = await csv({ dir: path, split, labelColumn: 'kind' });
    expect(data.spec).toEqual({ kind: 'points', shape: [2] });
    expect(data.classNames).toEqual(['even', 'odd']);
    const values = (await data.gather(everyIndex(data))).data;
    return Array.from(everyIndex(data), (n) => {
      expect(values[2 * n + 1]).toBe(-values[2 * n]! - 0.5);
      expect(data.labels![n]).toBe(values[2 * n]! % 2);
      return values[2 * n]!;
    });
  };
  const [train, validation, held] = [
    await rows('train'),
    await rows('validation'),
    await rows('test', `${dir}/points.csv`),
  ];
  expect(Math.min(train.length, validation.length, held.length)).toBeGreaterThan(0);
  expect([...train, ...validation, ...held].sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test('a row that is added leaves the held-out rows where they were', async () => {
  const held = async (text: string): Promise<number[]> => {
    const dir = await folderOf({ 'a.csv': `x,y\n${text}` });
    return [...(await csv({ dir, split: 'test' }).then((data) => data.gather(everyIndex(data)))).data];
  };
  const rows = Array.from({ length: 100 }, (_, i) => `${i},${i * i}\n`);
  const before = await held(rows.join(''));
  expect(before.length).toBeGreaterThan(4);
  const kept = await held(['0.5,0.5\n', ...rows.toReversed()].join(''));
  expect(kept).toEqual(expect.arrayContaining(before));
  expect(kept.length - before.length).toBeLessThanOrEqual(2);
});

test('reads train.csv and test.csv, whose classes are shared', async () => {
  const dir = await folderOf({ 'train.csv': 'a,c\n1,x\n2,z\n', 'test.csv': 'a,c\n3,y\n' });
  const held = await csv({ dir, split: 'test', labelColumn: 'c' });
  expect(held.classNames).toEqual(['x', 'y', 'z']);
  expect([...held.labels!]).toEqual([1]);
  expect([...(await held.gather([0])).data]).toEqual([3]);
});

test('reads rows without header, exponents, blank lines, quotes, gzip; a label by position', async () => {
  const dir = await folderOf({ 'a.csv': gzipSync('1e3, "-2" ,10\n\n.5,+4,9\r\n7,8,9\n') });
  const rows: number[][] = [];
  for (const split of splits) {
    const data = await csv({ dir, labelColumn: '2', split });
    // Class names that are numbers are sorted by value.
    expect(data.classNames).toEqual(['9', '10']);
    rows.push(Array.from((await data.gather([0])).data));
  }
  expect(rows.sort((a, b) => a[0]! - b[0]!)).toEqual([
    [0.5, 4],
    [7, 8],
    [1000, -2],
  ]);
});

test.each<[string, Record<string, string | Uint8Array>, string | undefined, (string | RegExp)[]]>([
  ['an empty file', { 'a.csv': '' }, undefined, ['a.csv', 'empty file']],
  ['blank lines only', { 'a.csv': '\n\n' }, undefined, ['a.csv', 'found none']],
  ['a header alone', { 'a.csv': 'x,y\n' }, undefined, ['a.csv', 'only a header']],
  [
    'text in a column',
    { 'a.csv': 'x,y\n1,2\n3,oops\n' },
    undefined,
    ['a.csv', 'line 3', 'column y', '"oops"', '--label-column'],
  ],
  [
    'an empty cell',
    { 'a.csv': 'x,y\n1,\n3,4\n' },
    undefined,
    ['line 2', 'column y', '""', '--missing drop', '--missing mean'],
  ],
  [
    'a number out of range',
    { 'a.csv': 'x\n1\n1e39\n' },
    undefined,
    ['column x', '1e+39', '--standardise yes'],
  ],
  ['NaN', { 'a.csv': 'x\n1\nNaN\n' }, undefined, ['line 3', 'NaN']],
  [
    'identifiers that float32 would round',
    { 'a.csv': 'id,y\n1,1\n16777217,2\n3,3\n' },
    undefined,
    ['line 3', 'column id', '16777217', '--standardise yes'],
  ],
  ['a number that float32 takes for 0', { 'a.csv': 'x\n1\n1e-50\n' }, undefined, ['column x', '1e-50']],
  ['hexadecimal', { 'a.csv': 'x\n1\n0x10\n' }, undefined, ['line 3', '"0x10"']],
  ['thousands', { 'a.csv': 'x,y\n"1,000",2\n' }, undefined, ['line 2', '"1,000"', 'mend it']],
  ['a decimal comma', { 'a.csv': 'x;y\n1,5;2\n2;3\n' }, undefined, ['line 2', '"1,5"', '--decimal ","']],
  [
    'years in the first row',
    { 'a.csv': '2019,2020,2021\n1,2,3\n4,5,6\n' },
    undefined,
    ['2019, 2020, 2021', '--header yes', '--header no'],
  ],
  ['an empty cell in the first row', { 'a.csv': '1,,3\n4,5,6\n' }, undefined, ['line 1', 'column 1']],
  ['a binary file', { 'a.csv': Uint8Array.of(1, 0, 2, 10) }, undefined, ['a.csv', 'another kind of file']],
  ['rows of unequal length', { 'a.csv': 'x,y\n1,2\n3\n' }, undefined, ['a.csv', 'equal length', 'line 3']],
  ['an open quote', { 'a.csv': 'x,y\n1,"2\n' }, undefined, ['a.csv', 'mend']],
  [
    'a label column that is not there',
    { 'a.csv': 'x,y\n1,2\n3,4\n' },
    'z',
    ['column z', 'x, y', '--label-column'],
  ],
  ['only a label column', { 'a.csv': 'c\nx\ny\n' }, 'c', ['only the label']],
  ['one row', { 'a.csv': 'x\n1\n' }, undefined, ['at least 3 different examples', 'found 1']],
  [
    'differing columns',
    { 'train.csv': 'x,y\n1,2\n', 'test.csv': 'x,z\n1,2\n' },
    undefined,
    ['test.csv', 'x, y', 'x, z'],
  ],
  ['no table', { 'a.txt': '1' }, undefined, ['train.csv', 'found none', '--data-dir']],
  ['several tables', { 'a.csv': '1', 'b.csv': '1' }, undefined, ['a.csv, b.csv', '--data-dir']],
])('refuses %s', async (_, files, labelColumn, texts) => {
  const dir = await folderOf(files);
  await expectUserError(csv({ dir, split: 'train', labelColumn }), dir, ...texts);
});

/** All rows of a table, whatever their part, sorted by the first column. */
async function allRows(text: string | Uint8Array, flags: Partial<CsvOptions> = {}): Promise<number[][]> {
  const dir = await folderOf({ 'a.csv': text });
  const rows: number[][] = [];
  for (const split of splits) {
    const data = await csv({ dir, ...flags, split });
    const { data: values, shape } = await data.gather(everyIndex(data));
    for (let row = 0; row < shape[0]!; row++)
      rows.push(Array.from(values.slice(row * shape[1]!, (row + 1) * shape[1]!)));
  }
  return rows.sort((a, b) => a[0]! - b[0]!);
}

const three = [
  [1.5, 2],
  [2, 3],
  [4, 5],
];

test.each<[string, string | Uint8Array, Partial<CsvOptions>]>([
  ['semicolons', 'x;y\n1.5;2\n2;3\n4;5\n', {}],
  ['semicolons and decimal commas', 'x;y\n1,5;2\n2;3\n4;5\n', { decimal: ',' }],
  ['tabs without header', '1.5\t2\n2\t3\n4\t5\n', {}],
  ['bars', 'x|y\n1.5|2\n2|3\n4|5\n', {}],
  ['the delimiter that is named', 'x;y\n1.5;2\n2;3\n4;5\n', { delimiter: ';' }],
  ['comments, and a delimiter at the end of each line', '# by a tool\nx,y,\n1.5,2,\n2,3,\n4,5,\n', {}],
  ['UTF-16', Buffer.from('\ufeffx,y\n1.5,2\n2,3\n4,5\n', 'utf16le'), {}],
  ['a first row of numbers that is a header', '2019,2020\n1.5,2\n2,3\n4,5\n', { header: 'yes' }],
  ['rows with gaps left out', 'x,y\n1.5,2\n,9\n2,3\n7,NaN\n4,5\n', { missing: 'drop' }],
])('reads %s', async (_, text, flags) => {
  expect(await allRows(text, flags)).toEqual(three);
});

test('a first row of numbers with a gap is data', async () => {
  expect(await allRows('1,,3\n4,5,6\n7,8,9\n10,11,12\n', { missing: 'drop' })).toEqual([
    [4, 5, 6],
    [7, 8, 9],
    [10, 11, 12],
  ]);
});

test('gaps are filled with the mean of the training part, and columns standardised by its moments', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => [16777217 + i, i === 7 ? '' : i * i]);
  const dir = await folderOf({ 'a.csv': `id,y\n${rows.map((row) => row.join()).join('\n')}\n` });
  const read = async (flags: Partial<CsvOptions>) => {
    const data = await csv({ dir, split: 'train', missing: 'mean', ...flags });
    const { data: values } = await data.gather(everyIndex(data));
    return [0, 1].map((column) => Array.from(values).filter((_, at) => at % 2 === column));
  };
  for (const column of await read({ standardise: 'yes' })) {
    const mean = column.reduce((sum, x) => sum + x, 0) / column.length;
    // The gap became the mean, 0, and counts for nothing in the deviation.
    const known = column.filter((x) => x !== 0);
    const variance = known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / known.length;
    // Float32 values near 1 add up to a mean within 1e-6 of 0 and a variance within 1e-6 of 1.
    expect(Math.abs(mean)).toBeLessThan(1e-6);
    expect(Math.abs(variance - 1)).toBeLessThan(1e-6);
  }
});
