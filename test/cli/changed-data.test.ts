import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from 'generatrix/testing';
import { expect, onTestFinished, test } from 'vitest';

interface Recorded {
  settings: { data: { dir: string; splitRule?: string } };
  fingerprints?: { train: { count: number } };
}

test('a run goes on with the data that it began with, wherever that lies, and with no other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-data-change-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [table, moved, run] = ['a.csv', 'b.csv', 'run'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const rows = Array.from({ length: 60 }, (_, i) => `${Math.sin(i)},${Math.cos(0.7 * i)}\n`).join('');
  await writeFile(table, `x,y\n${rows}`);
  const begun = await command(
    ...['train', 'gmm', '--components', '2', '--data', 'csv', '--data-dir', table, '--out', run],
    ...['--steps', '2', '--batch-size', '16', '--device', 'cpu'],
  );
  expect(begun.stderr).toMatch(
    /data: csv, \d+ train, \d+ validation examples of points 2, no classes; columns x y/,
  );
  expect(begun.status).toBe(0);

  await writeFile(table, `x,y\n${rows}1,2\n0.5,0.25\n3,4\n`);
  const scored = await command('score', run, '--split', 'train');
  expect(scored.stderr).toMatch(
    /run: the data is not what the run began with: the train part has \d+ examples/,
  );
  expect(scored.status).toBe(0);
  const limited = await command('score', run, '--data-size', '5');
  expect(limited.stderr).not.toContain('not what the run began with');
  const out = join(folder, 'trainable');
  const exported = await command('export', run, '--out', out, '--trainable', '--with-examples', '3');
  expect(exported.stderr).toMatch(
    /expected the data that the run began with, but the train part has \d+ examples/,
  );
  expect(exported.status).toBe(1);
  const refused = await command('resume', run, '--steps', '3');
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(
    /expected the data that the run began with, but the .* part has \d+ examples where/,
  );

  await writeFile(moved, `x,y\n${rows}`);
  await rename(table, join(folder, 'elsewhere.csv'));
  const unchanged = await command('score', run, '--data-dir', moved);
  expect(unchanged.stderr).not.toContain('not what the run began with');
  const resumed = await command('resume', run, '--steps', '3', '--data-dir', moved);
  expect(resumed.stderr).not.toContain('did not record');
  expect(resumed.status).toBe(0);
  const path = join(run, 'run.json');
  const record = JSON.parse(await readFile(path, 'utf8')) as Recorded;
  expect(record.settings.data).toMatchObject({ dir: moved, splitRule: 'hash' });

  // As an earlier release left it: no rule, no fingerprint. Its split is the permutation, whatever the data is now.
  delete record.fingerprints;
  delete record.settings.data.splitRule;
  await writeFile(path, JSON.stringify(record));
  const older = await command('resume', run, '--steps', '4');
  expect(older.stderr).toContain('the run did not record its data');
  expect(older.stderr).toContain('54 train, 6 validation');
  expect(older.status).toBe(0);
  const byPermutation = await command('score', run, '--split', 'validation');
  expect(byPermutation.stderr).toContain('split by a permutation');
  const alone = await command('score', join(run, 'bundle'), '--data', 'csv', '--data-dir', moved);
  expect(alone.stderr).not.toContain('split by a permutation');
  const bundle = await command('score', join(run, 'bundle'), '--data-dir', moved);
  expect(bundle.stderr).toContain('a bundle does not record how its data was split');
});
