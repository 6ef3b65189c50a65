import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleFolder } from './source-node.ts';

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'generatrix-folder-')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a run that was stopped before its bundle was written says how to get one', async () => {
  const run = join(folder, 'run');
  await mkdir(run);
  await expect(bundleFolder(run)).rejects.toThrow(/neither model.json/);
  await writeFile(join(run, 'run.json'), '{}');
  await expect(bundleFolder(run)).rejects.toThrow(/not done; go on with: generatrix resume .*run, or/);
  await mkdir(join(run, 'bundle'));
  await writeFile(join(run, 'bundle', 'model.json'), '{}');
  expect(await bundleFolder(run)).toBe(join(run, 'bundle'));
});
