import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePng } from '@generatrix/runtime/media';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { command } from './test-command.ts';

let folder: string;
let run: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-strength-'));
  run = join(folder, 'run');
  const size = ['--steps', '2', '--device', 'cpu', '--batch-size', '4', '--data-size', '40'];
  const net = ['--filters', '4,4', '--heads', '2', '--embedding', '8', '--sample-steps', '3'];
  const trained = await command('train', 'ddpm', '--data', 'digits8', ...size, ...net, '--out', run);
  expect(trained.status, trained.stderr).toBe(0);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const completed = async (...flags: string[]) => {
  const out = join(folder, 'completed.npy');
  const fixed = ['--count', '2', '--completions', '1', '--seed', '1', '--out', out];
  const { status, stderr, stdout } = await command('complete', run, ...fixed, ...flags);
  expect(status, stderr).toBe(0);
  const bytes = await readFile(out);
  return { stdout, values: new Float32Array(bytes.buffer.slice(bytes.byteOffset + bytes.length - 512)) };
};

it('examples are refined from less noise, and the bright pixels of a mask stay', async () => {
  const near = await completed('--strength', '0.01');
  expect(near.stdout).toContain('the first 0 rows kept');
  const given = await completed('--rows', '8');
  const apart = (values: Float32Array) =>
    values.reduce((sum, value, i) => sum + Math.abs(value - given.values[i]!), 0) / values.length;
  const far = await completed('--strength', '1');
  expect(apart(near.values)).toBeLessThan(0.3 * apart(far.values));
  const mask = join(folder, 'mask.png');
  const data = Uint8Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 255 : 0));
  await writeFile(mask, await encodePng({ width: 8, height: 8, channels: 1, data }));
  const { values } = await completed('--hold', mask);
  for (const [i, value] of values.entries()) if (i % 8 < 4) expect(value).toBe(given.values[i]);
  expect(apart(values)).toBeGreaterThan(0);
});

it('refuses in one line what makes no sense', async () => {
  for (const [flags, message] of [
    [['--strength', '1.5'], /strength.*from 0 to 1, got 1.5/],
    [['--hold', join(folder, 'absent.png')], /--hold .*absent.png/],
  ] as const) {
    const { status, stderr } = await command('complete', run, ...flags, '--out', join(folder, 'no.npy'));
    expect(status).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stderr.trim()).not.toContain('\n');
  }
});
