import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DatasetRequest, loadDataset } from '@generatrix/training';
import { afterAll, expect, it } from 'vitest';

/** A case as `data_formats.py` records it. */
interface Case {
  readonly title: string;
  readonly name: string;
  readonly path: string;
  /** What the library reads, `[n][values]`, in any order. */
  readonly examples: readonly (readonly number[])[];
  readonly tolerance: number;
  readonly settings: Partial<DatasetRequest>;
}

const folder = mkdtempSync(join(tmpdir(), 'generatrix-data-formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

const script = fileURLToPath(new URL('data_formats.py', import.meta.url));
const available = spawnSync('python3', ['-c', 'import numpy']).status === 0;
if (!available) console.log('skipped the formats that Python writes: no python3 with numpy here');
const made = available ? spawnSync('python3', [script, folder], { encoding: 'utf8' }) : null;
const { missing, cases } =
  made?.status === 0
    ? (JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
        missing: string[];
        cases: Case[];
      })
    : { missing: [], cases: [] };
for (const library of missing) console.log(`skipped the formats that ${library} writes: it is not installed`);

it.skipIf(!available)('Python writes the files', () => {
  expect(made?.stderr).toBe('');
  expect(cases.length).toBeGreaterThanOrEqual(40);
});

it.skipIf(cases.length === 0).each(cases)('reads what Python reads: $title', async (formatCase) => {
  const { name, path, examples, tolerance, settings } = formatCase;
  const read: number[][] = [];
  for (const split of ['train', 'validation', 'test'] as const) {
    const data = await loadDataset({ name, dir: join(folder, path), split, ...settings });
    for (let n = 0; n < data.size; n++) read.push(Array.from((await data.gather([n])).data, Number));
  }
  expect(read).toHaveLength(examples.length);
  const byValue = (a: readonly number[], b: readonly number[]) => {
    const first = a.findIndex((value, k) => value !== b[k]);
    return first < 0 ? 0 : a[first]! - b[first]!;
  };
  const expected = examples.toSorted(byValue);
  let worst = 0;
  for (const [n, row] of read.sort(byValue).entries()) {
    expect(row).toHaveLength(expected[n]!.length);
    for (const [k, value] of row.entries()) worst = Math.max(worst, Math.abs(value - expected[n]![k]!));
  }
  expect(worst).toBeLessThanOrEqual(tolerance);
});
