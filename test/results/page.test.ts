import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { resultsPage, sections } from './page.ts';

const root = new URL('../../', import.meta.url);

test('RESULTS.md is what results/*.json say; `npm run results` writes it', async () => {
  expect(await readFile(new URL('RESULTS.md', root), 'utf8')).toBe(
    await resultsPage(new URL('results/', root)),
  );
});

test('every file of results/ has its place on the page, or is the measurement of a command', async () => {
  const files = (await readdir(new URL('results/', root))).map((file) => file.replace('.json', ''));
  const measured = ['training-step', 'serve'];
  expect(files.filter((file) => !measured.includes(file)).toSorted()).toEqual([...sections].toSorted());
});
