import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launcher, startCommand, waitForFile } from './run-command.ts';

const small = ['train', 'gmm', '--data', 'ring8', '--data-size', '200', '--batch-size', '50'];

let folder: string;
const [, script] = process.argv;
beforeAll(async () => {
  // A sweep starts its runs by the script that it was started by: each is a process of its own, as for users.
  process.argv[1] = launcher;
  folder = await mkdtemp(join(tmpdir(), 'generatrix-sweep-'));
});
afterAll(async () => {
  process.argv[1] = script!;
  await rm(folder, { recursive: true });
});

it('trains every combination, goes on after one that fails, and compares the others', async () => {
  const out = join(folder, 'grid');
  const values = ['--sweep', 'components=2,0,8', '--steps', '8', '--jobs', '2', '--out', out];
  const { status, stdout, stderr } = await command(...small, ...values);
  expect(stderr).toMatch(/components=0: failed \(generatrix: .*components.*\); see .*components=0\.log/);
  expect(stderr.trimEnd().split('\n').at(-1)).toBe('generatrix: 1 of 3 runs failed; the others are done');
  expect(status).toBe(1);
  expect(stdout).toMatch(/components=2 .*8 /);
  const page = await readFile(join(out, 'comparison.html'), 'utf8');
  expect(page).toContain('2 runs compared');
  expect(page).toContain('options.components');

  const table = await command('compare', out, '--out', join(folder, 'again.html'));
  // The finished runs alone have a folder; eight components fit eight modes better than two.
  expect(table.stdout).toMatch(/components=8 .*\*/);
  expect(table.stdout).not.toContain('components=0');

  // The same again trains nothing that is done; other shared flags are another sweep.
  const before = await stat(join(out, 'components=2', 'report.html'));
  await command(...small, ...values);
  expect((await stat(join(out, 'components=2', 'report.html'))).mtimeMs).toBe(before.mtimeMs);
  const other = await command(...small, '--seed', '2', ...values);
  expect(other.stderr).toMatch(/holds a sweep whose runs share other flags.*--out/);
  expect(other.status).toBe(1);
});

it('stops at Ctrl-C, saves what runs, and the same command goes on', async () => {
  const out = join(folder, 'stopped');
  const flags = [...small, '--sweep', 'seed=1,2', '--out', out];
  const { child, outcome } = startCommand([...flags, '--steps', '100000', '--report-every', '10']);
  await waitForFile(join(out, 'seed=1', 'metrics.jsonl'), (text) => text.split('\n').length > 3);
  child.kill('SIGINT');
  const { status, stderr } = await outcome;
  expect(status).toBe(130);
  expect(stderr).toContain('stopped with 0 of 2 runs done; the same command goes on');
  expect((await readdir(join(out, 'seed=1', 'checkpoints'))).length).toBeGreaterThan(0);
  expect(await stat(join(out, 'seed=2')).catch(() => null)).toBeNull();
});

it.each([
  [['--sweep', 'components'], /--sweep: expected NAME=VALUE,VALUE/],
  [['--sweep', 'component=2'], /no flag --component to vary; the closest are components/],
  [['--sweep', 'seed=1,2', '--seed', '3'], /--seed: given beside --sweep seed/],
  [['--jobs', '2'], /--jobs: it is of a sweep/],
  [['--sweep', 'seed=1', '--jobs', '0'], /--jobs: expected a whole number of at least 1/],
])('refuses %j in one line', async (flags, message) => {
  const { status, stderr } = await command(...small, ...flags, '--out', join(folder, 'none'));
  expect(status).toBe(1);
  expect(stderr.trim().split('\n').at(-1)).toMatch(message);
  expect(await stat(join(folder, 'none')).catch(() => null)).toBeNull();
});

it('compares nothing that is no run', async () => {
  const { status, stderr } = await command('compare', folder, join(folder, 'missing'));
  expect(status).toBe(1);
  expect(stderr.trim()).toMatch(/^generatrix: .*: expected a training run .*or a folder of runs/);
});

it('a place where no folder can be made is one line', async () => {
  const { status, stderr } = await command(...small, '--sweep', 'seed=1', '--out', '/proc/no/sweep');
  expect(status).toBe(1);
  expect(stderr.trim().split('\n').at(-1)).toMatch(/^generatrix: \/proc\/no\/sweep: /);
});
