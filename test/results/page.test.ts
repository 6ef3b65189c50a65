import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
  const measured = ['training-step', 'serve', 'reproduced'];
  expect(files.filter((file) => !measured.includes(file)).toSorted()).toEqual([...sections].toSorted());
});

test('what reproduce wrote is a table with its commands; a file that is no record is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-results-'));
  try {
    await cp(new URL('results/', root), folder, { recursive: true });
    await rm(join(folder, 'reproduced'), { recursive: true, force: true });
    await mkdir(join(folder, 'reproduced'));
    const record = {
      ...{
        format: 'generatrix-reproduction',
        family: 'rbm',
        preset: 'mnist',
        summary: 's',
        published: '-86.34',
      },
      data: { name: 'mnist', split: 'test', examples: 10_000, binarised: true, fingerprints: null },
      ...{ seed: 2, steps: 45_000, settings: {}, commands: ['generatrix train rbm', 'generatrix score RUN'] },
      figures: [{ name: 'log-likelihood', value: -86.654, standardError: 0.2, unit: 'nats', note: 'a note' }],
      ...{ processorSeconds: 1250, wallSeconds: 1300, date: '2026-11-29' },
      environment: {
        ...{ generatrix: '0.1.0', commit: 'abcdef0', node: 'v20', engine: 'onnx on cpu', threads: 1 },
        ...{ processor: 'a processor', platform: 'linux x64' },
      },
    };
    await writeFile(join(folder, 'reproduced', 'rbm-mnist-seed-2.json'), JSON.stringify(record));
    const page = await resultsPage(pathToFileURL(`${folder}/`));
    expect(page).toMatch(
      /\| 1 +\| `rbm\/mnist`, seed 2 +\| mnist, 10,000 test examples, binarised anew \| log-likelihood -86.65 nats \(0.200\), a note \| -86.34 +\|/,
    );
    expect(page).toContain(
      '1. `generatrix train rbm`, then `generatrix score RUN`: 45,000 steps; 21 min of processor time; onnx on cpu, 1 thread, a processor; recorded in abcdef0, 2026-11-29.',
    );
    await writeFile(join(folder, 'reproduced', 'broken.json'), '{"format": "other"}');
    await expect(resultsPage(pathToFileURL(`${folder}/`))).rejects.toThrow(
      'results/reproduced/broken.json: ',
    );
  } finally {
    await rm(folder, { recursive: true });
  }
});
