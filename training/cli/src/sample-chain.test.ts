import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

let folder: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-chain-'));
  run = join(folder, 'run');
  const size = ['--steps', '2', '--device', 'cpu', '--batch-size', '4', '--data-size', '40'];
  const net = ['--width', '8', '--layers', '1', '--embedding', '8', '--sample-steps', '5'];
  const trained = await command('train', 'ddpm', '--data', 'moons', ...size, ...net, '--out', run);
  expect(trained.status, trained.stderr).toBe(0);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const drawn = async (name: string, ...flags: string[]) => {
  const out = join(folder, name);
  const outcome = await command('sample', run, '--count', '3', '--seed', '1', '--out', out, ...flags);
  expect(outcome.status, outcome.stderr).toBe(0);
  return { outcome, bytes: await readFile(out) };
};

it('the steps of a sample and their noise are flags; a stream ends in the same samples', async () => {
  const usual = await drawn('usual.npy');
  expect((await drawn('same.npy', '--steps', '5', '--eta', '0')).bytes).toEqual(usual.bytes);
  expect((await drawn('more.npy', '--steps', '9')).bytes).not.toEqual(usual.bytes);
  expect((await drawn('noisy.npy', '--eta', '1')).bytes).not.toEqual(usual.bytes);
  const watched = await drawn('watched.npy', '--stream');
  expect(watched.bytes).toEqual(usual.bytes);
  expect(watched.outcome.stderr).toContain('drew 5 of 5 parts');
});

it('flags that the model does not take, or values out of range, are refused in one line', async () => {
  for (const [flags, message] of [
    [['--guidance', '2'], /no scalar 'guidance'/],
    [['--steps', '1001'], /steps.*from 1 to 1000, got 1001/],
    [['--eta', '1.5'], /eta.*from 0 to 1, got 1.5/],
    [['--steps', 'many'], /--steps/],
  ] as const) {
    const out = join(folder, 'refused.npy');
    const { status, stderr } = await command('sample', run, '--out', out, ...flags);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stderr.trim()).not.toContain('\n');
  }
});

it('samples of different numbers of steps are judged beside one another', async () => {
  const out = join(folder, 'judged');
  const judge = (...flags: string[]) =>
    command('evaluate', run, '--data-size', '300', '--metrics', 'steps', '--out', out, ...flags);
  const { status, stdout, stderr } = await judge('--steps', '4,1');
  expect(status, stderr).toBe(0);
  expect(stdout).toMatch(/Fréchet distance, precision and recall by steps: 1: .*; 4: /);
  const { diagnostics } = JSON.parse(await readFile(join(out, 'evaluation.json'), 'utf8'));
  expect(diagnostics.steps).toMatchObject({ steps: [1, 4], space: 'values' });
  expect(diagnostics.steps.frechetDistance).toHaveLength(2);
  const refused = await judge('--steps', '1,1001');
  expect(refused.status).toBe(1);
  expect(refused.stderr).toMatch(/^generatrix: --steps: ddpm-moons draws in 1 to 1000 steps, not 1001\n$/);
});
