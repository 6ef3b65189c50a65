import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostTensor, UserError } from '@generatrix/runtime/core';
import { npyBytes } from '@generatrix/runtime/media';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { everyIndex, folderOf } from '../testing/test-support.ts';
import { csv } from './csv.ts';
import { type Dataset, type Split, splits } from './dataset.ts';
import { readIdx } from './idx.ts';
import { npy } from './npy-dataset.ts';

const runs = { numRuns: 40, seed: 1 };

/** Rows of float32 values whose first entries differ, so that each can be found again. */
const table = fc
  .tuple(fc.integer({ min: 20, max: 40 }), fc.integer({ min: 1, max: 4 }))
  .chain(([rows, columns]) =>
    fc.tuple(
      fc.uniqueArray(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
        minLength: rows,
        maxLength: rows,
        comparator: (a, b) => a === b,
      }),
      fc.array(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
          ...{ minLength: columns, maxLength: columns },
        }),
        { minLength: rows, maxLength: rows },
      ),
    ),
  )
  .map(([first, rest]) => rest.map((row, i) => [first[i]!, ...row]));

/** All rows that the three splits hold, with their labels, sorted by their first values. */
async function everything(load: (split: Split) => Promise<Dataset>): Promise<[number[], string][]> {
  const found: [number[], string][] = [];
  for (const split of splits) {
    const data = await load(split);
    const width = data.spec.shape[0]!;
    const { data: values } = await data.gather(everyIndex(data));
    for (const row of everyIndex(data)) {
      const label = data.labels === null ? '' : data.classNames[data.labels[row]!]!;
      found.push([[...values.subarray(row * width, (row + 1) * width)].map(Number), label]);
    }
  }
  return found.sort((a, b) => a[0][0]! - b[0][0]!);
}

const byFirst = (rows: readonly number[][]) => rows.toSorted((a, b) => a[0]! - b[0]!);
// -0 is written as 0 in text.
const plain = (rows: readonly number[][]) => rows.map((row) => row.map((value) => value + 0));

test('an array of float32 that is written as .npy comes back, every row once', async () => {
  const dir = await folderOf({});
  await fc.assert(
    fc.asyncProperty(table, async (rows) => {
      const array = hostTensor('float32', [rows.length, rows[0]!.length], rows.flat());
      await writeFile(join(dir, 'a.npy'), npyBytes(array));
      const found = await everything((split) => npy({ dir: join(dir, 'a.npy'), split }));
      expect(found.map(([row]) => row)).toEqual(byFirst(rows));
    }),
    runs,
  );
});

test('a table of float32 and classes of any text that is written as CSV comes back, every row once', async () => {
  const dir = await folderOf({});
  const text = fc.string({ unit: fc.constantFrom('a', 'B', ' ', ',', '"', '\n', '7', 'é'), maxLength: 5 });
  const named = text.map((name) => `x${name}x`);
  await fc.assert(
    fc.asyncProperty(table, fc.array(named, { minLength: 40, maxLength: 40 }), async (rows, names) => {
      const lines = rows.map((row, i) => `${row.join(',')},"${names[i]!.replaceAll('"', '""')}"`);
      const header = [...rows[0]!.keys()].map((column) => `c${column}`);
      await writeFile(join(dir, 'a.csv'), [`${header.join(',')},kind`, ...lines, ''].join('\r\n'));
      const found = await everything((split) => csv({ dir: join(dir, 'a.csv'), split, labelColumn: 'kind' }));
      const expected = plain(rows).map((row, i): [number[], string] => [row, names[i]!]);
      expect(found).toEqual(expected.sort((a, b) => a[0][0]! - b[0][0]!));
    }),
    runs,
  );
});

test('bytes that are written as IDX come back; a file that is cut or grown is refused', async () => {
  const dir = await folderOf({});
  const path = join(dir, 'a-idx3-ubyte');
  const shapes = fc.tuple(...[5, 6, 7].map((max) => fc.integer({ min: 1, max })));
  await fc.assert(
    fc.asyncProperty(shapes, fc.integer({ min: -3, max: 3 }), async (shape, change) => {
      const size = shape.reduce((product, dim) => product * dim, 1);
      const values = Uint8Array.from({ length: size }, (_, i) => (i * 101) % 256);
      const bytes = new Uint8Array(16 + size);
      const view = new DataView(bytes.buffer);
      for (const [i, word] of [0x0803, ...shape].entries()) view.setUint32(4 * i, word);
      bytes.set(values, 16);
      const changed = new Uint8Array(Math.max(0, bytes.length + change));
      changed.set(bytes.subarray(0, changed.length));
      await writeFile(path, changed);
      const reading = readIdx(path, 3, 'images');
      if (change !== 0) await expect(reading).rejects.toThrow(UserError);
      else {
        const found = await reading;
        expect([found.shape, ...found.values]).toEqual([shape, ...values]);
      }
    }),
    runs,
  );
});
