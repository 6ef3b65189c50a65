import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCommand, waitForFile } from './run-command.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-reproduce-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('trains a preset, stops at Ctrl-C, goes on, and writes down what the model is worth', async () => {
  const out = join(folder, 'runs');
  const flags = ['reproduce', 'realnvp/moons', '--threads', '1', '--out', out];
  const { child, outcome } = startCommand(flags);
  const run = join(out, 'realnvp-moons');
  await waitForFile(join(run, 'metrics.jsonl'), (text) => text.includes('"step":30'));
  child.kill('SIGINT');
  const stopped = await outcome;
  expect(stopped.stderr).toContain('realnvp/moons: starts');
  expect(stopped.stderr.trimEnd().split('\n').at(-1)).toBe('stopped; the same command goes on');
  expect(stopped.status).toBe(130);
  const before = JSON.parse(await readFile(join(run, 'run-time.json'), 'utf8')) as Record<string, number>;
  expect(before.processorSeconds).toBeGreaterThan(0);

  // The whole preset takes minutes: the run ends where it is, and that is said.
  const reached = Number(/stopped at step (\d+)/.exec(await readFile(`${run}.log`, 'utf8'))![1]);
  const steps = reached + 5;
  expect((await command('resume', run, '--steps', String(steps))).status).toBe(0);
  const done = await command(...flags);
  expect(done.status, done.stderr).toBe(0);
  expect(done.stdout).toMatch(
    /^realnvp\/moons: log-likelihood -?[\d.]+ nats \([\d.]+\), 2000 examples; bits per/,
  );
  const record = JSON.parse(await readFile(join(out, 'results', 'realnvp-moons.json'), 'utf8')) as {
    figures: { name: string; value: number }[];
    commands: string[];
    steps: number;
    processorSeconds: number;
  };
  expect(record).toMatchObject({ format: 'generatrix-reproduction', steps, data: { split: 'test' } });
  expect(record.commands[0]).toBe(
    `generatrix train realnvp --preset moons --seed 1 --steps ${steps} --threads 1 --out RUN`,
  );
  expect(record.processorSeconds).toBeGreaterThan(before.processorSeconds!);
  // What `score` says of the same run.
  const scored = await command('score', run, '--split', 'test', '--seed', '1');
  const said = Number(/log-likelihood: (-?[\d.]+) nats/.exec(scored.stdout)![1]);
  expect(record.figures[0]!.value).toBeCloseTo(said, 2);

  const again = await command(...flags);
  expect(again.stderr).toContain('realnvp/moons: done before, see ');
  expect(again.status).toBe(0);
});

it('does not write figures of another run under the name of a preset', async () => {
  const out = join(folder, 'others');
  const other = [
    '--data',
    'moons',
    '--data-size',
    '200',
    '--couplings',
    '2',
    '--hidden',
    '4',
    '--steps',
    '2',
  ];
  expect((await command('train', 'realnvp', ...other, '--out', join(out, 'realnvp-moons'))).status).toBe(0);
  const { status, stderr } = await command('reproduce', 'realnvp/moons', '--out', out);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /realnvp-moons: holds a run with couplings 2, which is not realnvp\/moons; move it away/,
  );
});

it('leaves out what would train longer than the budget, and what has no data', async () => {
  const { status, stdout, stderr } = await command(
    ...['reproduce', 'realnvp/moons', '--budget', '1s', '--out', join(folder, 'short')],
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/^realnvp\/moons: left out, it would train /m);
  const missing = await command('reproduce', 'dbm/mnist', '--out', join(folder, 'missing'));
  expect(missing.stderr).toBe('generatrix: dbm/mnist: it needs --data-dir mnist=DIR\n');
  expect(missing.status).toBe(1);
});
