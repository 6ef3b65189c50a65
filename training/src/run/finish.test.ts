import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runTraining } from './run-training.ts';

/** What the packing of a bundle ends with; the real one when null. */
const verdict = vi.hoisted(() => ({ fail: null as string | null }));
vi.mock('@generatrix/export', async (original) => {
  const real = await original<typeof import('@generatrix/export')>();
  return {
    ...real,
    packBundle: async (request: Parameters<typeof real.packBundle>[0]) => {
      const files = await real.packBundle(request);
      if (verdict.fail !== null) throw new real.ParityError([verdict.fail], files);
      return files;
    },
  };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-finish-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings = {
  family: 'gmm',
  options: { components: 3 },
  data: { name: 'rings', size: 60 },
  seed: 1,
  steps: 2,
  batchSize: 20,
  learningRate: 1e-3,
  schedule: 'constant',
  engine: 'onnx',
  device: 'cpu',
  reportEvery: 1,
  evaluateEvery: 2,
  checkpointEvery: 1,
} as const;

it('programs that do not agree cost neither the report, nor the checkpoints, nor the ONNX files', async () => {
  verdict.fail = "program sample: output 'data' of onnxruntime differs from tfjs by 1.0e-3";
  const run = join(folder, 'run');
  const error = await runTraining(run, settings).then(
    () => expect.fail('the run passed'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).toContain(verdict.fail);
  expect(message).toContain(`generatrix parity ${join(run, 'bundle')}`);
  expect(message).not.toContain('\n');
  expect(await readFile(join(run, 'report.html'), 'utf8')).toContain('The export failed: program sample');
  expect(await readdir(join(run, 'bundle'))).toEqual(expect.arrayContaining(['model.json', 'sample.onnx']));
  expect((await readdir(run)).some((name) => name.startsWith('checkpoint'))).toBe(true);
});

it('the report of a machine shows its filters, and says whether its chain mixes', async () => {
  verdict.fail = null;
  const run = join(folder, 'machine');
  const options = { hidden: 9, sampleSteps: 20, temperatures: 20 };
  await runTraining(run, { ...settings, family: 'rbm', options, data: { name: 'digits8', size: 60 } });
  const report = await readFile(join(run, 'report.html'), 'utf8');
  expect(report).toContain('<h2>Filters</h2>');
  expect(report).toContain('9 of the 9 units');
  expect(report).toMatch(/<h2>Chains<\/h2>\s*<p class="text">Chains of 20 steps/);
  expect(report).toContain('Each row is a chain, after 1, 2, ');
});
