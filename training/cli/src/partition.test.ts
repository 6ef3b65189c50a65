import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describePartition } from './partition.ts';
import { command } from './test-command.ts';

let folder: string;
let model: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-partition-'));
  model = join(folder, 'run');
  const sizes = ['--hidden', '4', '--sample-steps', '20', '--temperatures', '30'];
  const short = ['--data', 'digits8', '--data-size', '80', '--steps', '3', '--batch-size', '8'];
  const { status, stderr } = await command('train', 'rbm', ...short, ...sizes, '--out', model);
  expect(status, stderr).toBe(0);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const numberAfter = (text: string, label: string) =>
  Number(new RegExp(`${label}: (-?[0-9.]+) nats`).exec(text)![1]);

it('tells log Z from both sides, and scores examples by it', async () => {
  const few = ['--chains', '40', '--temperatures', '200'];
  const both = await command('partition', model, ...few, '--back');
  expect(both.status, both.stderr).toBe(0);
  const [forward, back] = ['log Z', 'log Z from samples back'].map((label) =>
    numberAfter(both.stdout, label),
  );
  // The way back is said to be as long as it is: 20 steps of sampling before the temperatures.
  expect(both.stderr).toMatch(/annealing: step 200\/200.*\n(.*\n)*annealing: step 220\/220/);
  // Weights of three steps are small: independent units are almost the model.
  expect(Math.abs(forward! - back!)).toBeLessThan(0.05);
  const scored = await command('score', model, ...few, '--limit', '30');
  expect(scored.status, scored.stderr).toBe(0);
  expect(numberAfter(scored.stdout, 'log Z')).toBe(forward);
  const mean = numberAfter(scored.stdout, 'true one');
  const manifest = JSON.parse(await readFile(join(model, 'bundle', 'model.json'), 'utf8'));
  const pixels = manifest.data.shape.reduce((product: number, side: number) => product * side, 1);
  expect(mean).toBeLessThan(0);
  expect(mean).toBeGreaterThan(-pixels * Math.LN2);
  const bits = Number(/bits per dimension: ([0-9.]+)/.exec(scored.stdout)![1]);
  expect(bits).toBeCloseTo(-mean / (pixels * Math.LN2), 3);
});

it('an estimate that hangs on a chain or two says that its error is not to be trusted', () => {
  const estimate = { logZ: 5, standardError: 0.9, interval: [-Infinity, 7], temperatures: 30 } as const;
  const line = (chains: number, effectiveSampleSize: number) =>
    describePartition({ ...estimate, chains, effectiveSampleSize });
  const warning = /too few carry the weight for that error to be trusted: give more --temperatures$/;
  expect(line(100, 1.2)).toMatch(warning);
  expect(line(100, 60)).not.toMatch(warning);
  expect(line(2, 2)).not.toMatch(warning);
});

it('refuses in one line what makes no sense', async () => {
  for (const [flags, message] of [
    [['--chains', '1'], /^generatrix: --chains: expected a whole number of at least 2, got '1'\n$/],
    [['--sample-steps', '9'], /^generatrix: --sample-steps: only chains back begin with samples/],
    [['--temperatures', '2.5'], /^generatrix: --temperatures: expected a whole number/],
  ] as const) {
    const { status, stderr } = await command('partition', model, ...flags);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  }
});

it('scores a machine whose posterior is approximate by a bound, and cannot anneal it back', async () => {
  const deep = join(folder, 'deep');
  const sizes = ['--hidden', '4,3', '--pretraining', '0', '--sample-steps', '20', '--mean-field-turns', '2'];
  const short = ['--data', 'digits8', '--data-size', '80', '--steps', '3', '--batch-size', '8'];
  const trained = await command('train', 'dbm', ...short, ...sizes, '--out', deep);
  expect(trained.status, trained.stderr).toBe(0);
  const few = ['--chains', '40', '--temperatures', '200'];
  const { status, stdout, stderr } = await command('score', deep, ...few, '--limit', '30');
  expect(status, stderr).toBe(0);
  const bound = numberAfter(
    stdout,
    'lower bound of the log-likelihood by that estimate, in expectation above the true one',
  );
  expect(bound).toBeLessThan(0);
  // Independent units of the data's means, which the machine is after three steps, do better than fair coins.
  expect(bound).toBeGreaterThan(-64 * Math.LN2);
  const back = await command('partition', deep, ...few, '--back');
  expect(back.status).toBe(1);
  expect(back.stderr).toMatch(
    /^generatrix: --back: model \S+ \(dbm\) has no samples to anneal back; leave it out\n$/,
  );
  expect(back.stdout).toBe('');
});

it('scores a belief network by a bound, and keeps rows of images while it draws the others', async () => {
  const deep = join(folder, 'belief');
  const sizes = ['--hidden', '4,3', '--pretraining', '2', '--sample-steps', '20', '--temperatures', '30'];
  const short = ['--data', 'digits8', '--data-size', '80', '--steps', '6', '--batch-size', '8'];
  const trained = await command('train', 'dbn', ...short, ...sizes, '--out', deep);
  expect(trained.status, trained.stderr).toBe(0);
  const few = ['--chains', '40', '--temperatures', '200'];
  expect((await command('partition', deep, ...few)).status).toBe(0);
  const { status, stdout, stderr } = await command('score', deep, ...few, '--limit', '30');
  expect(status, stderr).toBe(0);
  const bound = numberAfter(
    stdout,
    'lower bound of the log-likelihood by that estimate, in expectation above the true one',
  );
  expect(bound).toBeLessThan(0);
  expect(bound).toBeGreaterThan(-64 * Math.LN2);
  expect(stdout).not.toContain('not to be believed');
  for (const run of [deep, model]) {
    const out = join(folder, 'completions.npy');
    const flags = ['--rows', '3', '--count', '2', '--completions', '2', '--seed', '5', '--draw', 'sample'];
    const completed = await command('complete', run, ...flags, '--steps', '12', '--out', out);
    expect(completed.status, completed.stderr).toBe(0);
    expect(completed.stdout).toContain('2 completions of each of 2 examples, the first 3 rows kept, seed 5');
  }
  // What the bundle was exported from is the last checkpoint here, exported again for the while.
  const [bundled, last] = [join(folder, 'bundled.npy'), join(folder, 'last.npy')];
  const same = ['--rows', '3', '--count', '1', '--seed', '5', '--steps', '4'];
  expect((await command('complete', deep, ...same, '--out', bundled)).status).toBe(0);
  expect((await command('complete', deep, ...same, '--checkpoint', 'last', '--out', last)).status).toBe(0);
  expect(await readFile(last)).toEqual(await readFile(bundled));
  const refused = await command('complete', deep, '--steps', '1');
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(
    /^generatrix: program complete: input 'steps': expected a number from 2 to 1000000, got 1\n$/,
  );
});

it('a stream draws what --draw says, and ends in the samples without one', async () => {
  const drawn = async (name: string, ...flags: string[]) => {
    const out = join(folder, name);
    const outcome = await command('sample', model, '--count', '3', '--seed', '1', '--out', out, ...flags);
    expect(outcome.status, outcome.stderr).toBe(0);
    return readFile(out);
  };
  const states = await drawn('states.npy', '--draw', 'sample');
  const means = await drawn('means.npy', '--draw', 'mean');
  expect(states).not.toEqual(means);
  expect(await drawn('streamed-states.npy', '--stream', '--draw', 'sample')).toEqual(states);
  expect(await drawn('streamed-means.npy', '--stream', '--draw', 'mean')).toEqual(means);
});

it('scores points by a machine of real units', async () => {
  const real = join(folder, 'real');
  const sizes = ['--hidden', '4', '--sample-steps', '20', '--temperatures', '30', '--replicas', '3'];
  const short = ['--data', 'ring8', '--data-size', '80', '--steps', '3', '--batch-size', '8'];
  const trained = await command('train', 'grbm', ...short, ...sizes, '--out', real);
  expect(trained.status, trained.stderr).toBe(0);
  const few = ['--chains', '40', '--temperatures', '200'];
  const { status, stdout, stderr } = await command('score', real, ...few, '--limit', '30');
  expect(status, stderr).toBe(0);
  // After three steps the machine is about the normal distribution of the data's means and deviations.
  expect(Math.abs(numberAfter(stdout, 'true one'))).toBeLessThan(10);
});
