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

const vae = ['vae', '--data-size', '200', '--hidden', '24', '--latent', '3', '--batch-size', '20'];

/** The losses of a short run of a family with its options, a line of metrics each. */
async function losses(
  name: string,
  flags: string[],
  environment: Record<string, string> = {},
  [family, ...options]: readonly string[] = vae,
  steps = 8,
): Promise<number[]> {
  const out = join(folder, name);
  const fixed = ['--data', 'digits8', '--seed', '5', '--report-every', '1', '--out', out];
  const { outcome } = startCommand(
    [
      ...['train', family!, ...fixed, '--steps', String(steps), '--evaluate-every', String(steps)],
      ...options,
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

/**
 * Convolutional families, of sizes at which onnxruntime's WebGPU provider computes a Conv wrongly (see
 * convolution-webgpu.test.ts): 6 channels into 12, batches of 6.
 */
const convolutional: [string, string[]][] = [
  [
    'pixelcnn',
    [
      'pixelcnn',
      '--data-size',
      '24',
      '--layers',
      '3',
      '--filters',
      '6',
      '--first-kernel',
      '5',
      '--batch-size',
      '6',
    ],
  ],
  [
    'vae of convolutions',
    [
      'vae',
      '--data-size',
      '24',
      '--architecture',
      'conv',
      '--filters',
      '6,12',
      '--latent',
      '3',
      '--batch-size',
      '6',
    ],
  ],
  [
    'pixelrnn',
    ['pixelrnn', '--data-size', '24', '--layers', '1', '--filters', '6', '--units', '4', '--batch-size', '6'],
  ],
];

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

  it.skipIf(software === null).each(convolutional)(
    '%s: the same steps on WebGPU as on the CPU',
    async (name, family) => {
      // Two steps: the second's loss shows the first's gradients.
      const [cpu, webgpu] = [
        await losses(`${name} cpu`, ['--device', 'cpu'], {}, family, 2),
        await losses(`${name} webgpu`, ['--device', 'webgpu'], software!, family, 2),
      ];
      expect(cpu).toHaveLength(2);
      expect(cpu[1]).not.toBe(cpu[0]);
      for (const [i, loss] of cpu.entries()) expect(Math.abs(webgpu[i]! / loss - 1)).toBeLessThan(1e-4);
    },
  );
});
