import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf } from '@generatrix/training/testing';
import { expect, test } from 'vitest';
import { command } from './test-command.ts';

const small = [
  '--data',
  'digits8',
  '--data-size',
  '60',
  '--steps',
  '400',
  '--batch-size',
  '10',
  '--device',
  'cpu',
];

test('a VAE is counted by hand, and nothing is written', async () => {
  const folder = await folderOf({});
  const out = join(folder, 'run');
  const network = ['--hidden', '4', '--latent', '2'];
  const { status, stdout, stderr } = await command(
    'train',
    'vae',
    ...small,
    ...network,
    '--out',
    out,
    '--dry-run',
  );
  expect(status, stderr).toBe(0);
  // Encoder 64-4-(2+2), decoder 2-4-64, each with biases.
  const parameters = 64 * 4 + 4 + 2 * (4 * 2 + 2) + (2 * 4 + 4) + (4 * 64 + 64);
  expect(stdout).toContain(`parameters: ${parameters}\n`);
  // Adam keeps a mean and a variance of each, and counts its steps.
  const values = 3 * parameters + 1;
  expect(stdout).toContain(`state, with all that steps carry along: ${values.toLocaleString('en')} values`);
  expect(stdout).toContain('2.56 KB are the 10 examples of a step');
  expect(stdout).toMatch(
    /time: about .* for 400 steps on onnx on cpu, .* median of 8 whose results were thrown away/,
  );
  expect(stdout).toContain('digits8');
  expect(existsSync(out)).toBe(false);
  expect(await readdir(folder)).toEqual([]);
});

test('a mixture without an optimizer has its free parameters', async () => {
  const out = join(await folderOf({}), 'run');
  const data = ['--data', 'ring8', '--data-size', '60', '--device', 'cpu', '--steps', '3'];
  const { stdout } = await command(
    'train',
    'gmm',
    ...data,
    '--components',
    '3',
    '--covariance',
    'full',
    '--out',
    out,
    '--dry-run',
  );
  // Two weights, three means, three covariances of three values.
  expect(stdout).toContain(`parameters: ${2 + 3 * 2 + 3 * 3}\n`);
});

test('the parameters of two optimizers are counted, their slots are not', async () => {
  const out = join(await folderOf({}), 'run');
  const data = ['--data', 'ring8', '--data-size', '60', '--device', 'cpu', '--steps', '3'];
  const network = ['--batch-size', '10', '--hidden', '4', '--latent', '2'];
  const { stdout } = await command('train', 'gan', ...data, ...network, '--out', out, '--dry-run');
  // Generator 2-4-2 and discriminator 2-4-1, each with biases.
  const parameters = 2 * 4 + 4 + (4 * 2 + 2) + (2 * 4 + 4) + (4 * 1 + 1);
  expect(stdout).toContain(`parameters: ${parameters}\n`);
  // Beside the slots and their two counts the state has the mean and deviation of the points.
  expect(stdout).toContain(`carry along: ${3 * parameters + 2 + 2 * 2} values`);
});

test('what training refuses before its first step is refused here', async () => {
  const out = join(await folderOf({}), 'run');
  const best = await command('train', 'gan', ...small, '--keep', 'best', '--out', out, '--dry-run');
  expect([best.status, best.stderr]).toEqual([
    1,
    expect.stringContaining('--keep best: gan on digits8 has no likelihood'),
  ]);
  const sweep = await command(
    'train',
    'gmm',
    ...small,
    '--sweep',
    'components=2,3',
    '--out',
    out,
    '--dry-run',
  );
  expect([sweep.status, sweep.stderr]).toEqual([1, expect.stringContaining('--dry-run: it is of one run')]);
  expect(existsSync(out)).toBe(false);
});
