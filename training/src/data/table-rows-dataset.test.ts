import { csvHeader, csvLines, hostTensor, type TableColumn, tableRows } from '@generatrix/runtime/core';
import { expect, it } from 'vitest';
import { everyIndex, expectUserError, folderOf } from '../testing/test-support.ts';
import type { Dataset, Split } from './dataset.ts';
import { mixtureModes } from './mixture-modes.ts';
import { rowPrivacy } from './row-privacy.ts';
import { readTableRows, type TableRowsOptions, tableRowsDataset } from './table-rows-dataset.ts';

const columnsOf = ({ spec }: Dataset): readonly TableColumn[] =>
  (spec.kind === 'points' && spec.columns) || [];
const read = async (text: string, options: Partial<TableRowsOptions> = {}) =>
  tableRowsDataset({ dir: await folderOf({ 'a.csv': text }), split: 'train', ...options });
const refused = async (text: string, pattern: RegExp, options: Partial<TableRowsOptions> = {}) =>
  expectUserError(read(text, options), pattern);

/** Whole numbers beyond 2^24, decimals with gaps, quoted text and a class. */
const mixed = `id,price,"city, state",when,kind
${Array.from({ length: 60 }, (_, i) => {
  const price = i % 9 === 0 ? 'NA' : (10 + i / 8).toFixed(2);
  return `${1_700_000_000 + i * 977},${price},"${['Köln, ""NRW""', 'Bonn', ''][i % 3]}",${2001 + (i % 4)},${i % 2 ? 'yes' : 'no'}`;
}).join('\n')}
`;

it('gives rows back as they were written, whatever part they are in', async () => {
  const seen: string[] = [];
  for (const split of ['train', 'validation', 'test'] as Split[]) {
    const data = await read(mixed, { split, labelColumn: 'kind' });
    const columns = columnsOf(data);
    expect(columns.map(({ kind }) => kind)).toEqual(['number', 'number', 'category', 'category', 'category']);
    expect(data.classNames).toEqual(['no', 'yes']);
    const samples = await data.gather(everyIndex(data));
    const rows = tableRows(samples, columns);
    expect(rows.map((row) => data.classNames.indexOf(String(row[4])))).toEqual([...data.labels!]);
    // Numbers outside of the range of the training rows are cut to it.
    if (split === 'train') seen.push(csvHeader(columns), csvLines(rows, columns));
  }
  const lines = mixed.split('\n');
  const written = seen.join('').trimEnd().split('\n');
  expect(written[0]).toBe(lines[0]);
  expect(written.length).toBeGreaterThan(40);
  const plain = (line: string) => line.replaceAll(/"(Bonn|)"/g, '$1');
  expect(lines.map(plain)).toEqual(expect.arrayContaining(written.map(plain)));
});

it('keeps few whole numbers as categories, a constant column, and numbers as JSON has them', async () => {
  const data = await read(`n,c,x\n${Array.from({ length: 12 }, (_, i) => `${i % 3},7,${i}.5\n`).join('')}`);
  const [n, c, x] = columnsOf(data);
  expect(n).toEqual({ kind: 'category', name: 'n', values: ['0', '1', '2'], numeric: true });
  expect(c).toMatchObject({ kind: 'category', values: ['7'] });
  expect(x).toMatchObject({ kind: 'number', decimals: 1 });
  const [first] = tableRows(await data.gather([0]), columnsOf(data));
  expect(first!.every((cell) => typeof cell === 'number')).toBe(true);
});

it('reads decimal commas, ten rows and a single column', async () => {
  const data = await read(`x\n${Array.from({ length: 12 }, (_, i) => `${i},25\n`).join('')}`, {
    decimal: ',',
    delimiter: ';',
  });
  expect(columnsOf(data)).toMatchObject([{ kind: 'number', decimals: 2 }]);
});

it('refuses what it cannot model, in a line that names the column and the cure', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `${i},person ${i}\n`).join('');
  await refused(`x,name\n${names}`, /column name, found 30 different texts.*--drop-columns/);
  const days = Array.from({ length: 30 }, (_, i) => `${i},2024-01-${String(i + 1).padStart(2, '0')}\n`).join(
    '',
  );
  await refused(`x,day\n${days}`, /dates or times.*--drop-columns/);
  await refused('a,b,a\n1,2,3\n4,5,6\n7,8,9\n', /different names, found a twice/);
  await refused(`x,name\n${names}`, /expected a column nam, which --drop-columns names/, {
    dropColumns: 'nam',
  });
  await refused(`x,name\n${names}`, /besides those of --drop-columns/, { dropColumns: 'x,name' });
  await refused('x,y\n1,a\n', /at least 3 different examples/);
  const kept = await read(`x,name\n${names}`, { dropColumns: 'name' });
  expect(columnsOf(kept).map(({ name }) => name)).toEqual(['x']);
});

it('finds the modes of a mixture', () => {
  const about = (mean: number, std: number) =>
    Array.from({ length: 400 }, (_, i) => mean + std * Math.tan(((i + 0.5) / 400 - 0.5) * 2.4));
  const modes = mixtureModes([...about(-5, 0.2), ...about(3, 0.5)]).toSorted((a, b) => a.mean - b.mean);
  expect(modes.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 6);
  const left = modes.filter(({ mean }) => mean < 0).reduce((sum, { weight }) => sum + weight, 0);
  expect(left).toBeCloseTo(0.5, 2);
  expect(mixtureModes([2, 2, 2])).toEqual([{ mean: 2, std: 1, weight: 1 }]);
});

it('tells copies, and how near rows are', async () => {
  const dir = await folderOf({ 'a.csv': mixed });
  const { rows, columns } = await readTableRows({ dir, split: 'train' });
  const held = await readTableRows({ dir, split: 'test' });
  const copied = rowPrivacy({ synthetic: rows, training: rows, heldOut: held.rows }, columns);
  expect(copied).toMatchObject({ copies: rows.length, chanceCopies: 0, toTraining: 0 });
  expect(copied.closerToTraining).toBeGreaterThan(0.5);
  const other = rowPrivacy({ synthetic: held.rows, training: rows, heldOut: [] }, columns);
  expect(other).toMatchObject({ copies: 0, closerToTraining: null });
  expect(other.toTraining).toBeGreaterThan(0);
  // Values drawn as numbers are the texts that were read.
  const drawn = tableRows(
    await (await tableRowsDataset({ dir, split: 'train' })).gather(Array.from(rows.keys())),
    columns,
  );
  expect(rowPrivacy({ synthetic: drawn, training: rows, heldOut: [] }, columns).copies).toBe(rows.length);
  expect(tableRows(hostTensor('float32', [0, 1], new Float32Array(0)), columns)).toEqual([]);
});
