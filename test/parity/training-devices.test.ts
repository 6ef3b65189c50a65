import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureChromium } from '@generatrix/training/browser';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCommand } from '../cli/run-command.ts';
import { softwareVulkan } from './software-vulkan.ts';

const software = softwareVulkan(await ensureChromium());
if (software === null) console.log('training on WebGPU: skipped, no software Vulkan driver is here');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-devices-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The losses of a short run, a line of metrics each. */
async function losses(
  name: string,
  flags: string[],
  environment: Record<string, string> = {},
): Promise<number[]> {
  const out = join(folder, name);
  const { outcome } = startCommand(
    [
      ...[
        'train',
        'vae',
        '--data',
        'digits8',
        '--data-size',
        '200',
        '--hidden',
        '24',
        '--latent',
        '3',
        '--seed',
        '5',
      ],
      ...['--steps', '8', '--batch-size', '20', '--report-every', '1', '--evaluate-every', '8', '--out', out],
      ...flags,
    ],
    environment,
  );
  const { status, stderr } = await outcome;
  expect(status, stderr).toBe(0);
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  const metrics = lines.map((line) => (JSON.parse(line) as { metrics: Record<string, number> }).metrics);
  return metrics.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
}

describe('training from one seed', () => {
  it('gives the same losses compiled on the CPU and eagerly in tfjs', async () => {
    const [compiled, eager] = [
      await losses('cpu', ['--device', 'cpu']),
      await losses('tfjs', ['--engine', 'tfjs']),
    ];
    expect(compiled).toHaveLength(8);
    for (const [i, loss] of eager.entries()) expect(Math.abs(compiled[i]! / loss - 1)).toBeLessThan(1e-3);
  });

  it.skipIf(software === null)('and on WebGPU, where the state stays in device memory', async () => {
    const [cpu, webgpu] = [
      await losses('cpu2', ['--device', 'cpu']),
      await losses('webgpu', ['--device', 'webgpu'], software!),
    ];
    for (const [i, loss] of cpu.entries()) expect(Math.abs(webgpu[i]! / loss - 1)).toBeLessThan(1e-3);
  });
});
