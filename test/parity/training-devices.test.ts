import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from 'generatrix/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { startCommand } from '../cli/run-command.ts';
import { allCases } from './all-cases.ts';
import { softwareVulkan } from './software-vulkan.ts';

const software = softwareVulkan(await ensureChromium());
if (software === null) console.log('training on WebGPU: skipped, no software Vulkan driver is here');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'generatrix-devices-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/**
 * Models whose convolutions onnxruntime's WebGPU provider would compute wrongly in their plain form, forward and in
 * the gradients: input channels a multiple of 3 but not of 4 into a multiple of 4, and padding at the end only. Batches
 * of 9, since the gradients of filters have the batch as their channels. (convolution-webgpu.test.ts takes them singly.)
 */
const models: Record<string, string[]> = {
  mlp: ['vae', '--hidden', '24', '--latent', '3'],
  convolutions: ['vae', '--architecture', 'conv', '--filters', '6,8', '--latent', '3'],
  ...(allCases && {
    pixelcnn: ['pixelcnn', '--layers', '2', '--filters', '6', '--first-kernel', '5'],
    pixelrnn: ['pixelrnn', '--layers', '1', '--filters', '6', '--units', '4'],
  }),
};

/** The losses of a short run, a line of metrics each; in a process of its own where that needs an environment. */
async function losses(
  name: string,
  model: string[],
  flags: string[],
  environment?: Record<string, string>,
): Promise<number[]> {
  const out = join(folder, name);
  const data = ['--data', 'digits8', '--data-size', '100', '--seed', '5'];
  const steps = ['--steps', '6', '--batch-size', '9', '--report-every', '1', '--evaluate-every', '6'];
  const args = ['train', ...model, ...data, ...steps, '--out', out, ...flags];
  const { status, stderr } = await (environment === undefined
    ? command(...args)
    : startCommand(args, environment).outcome);
  expect(status, stderr).toBe(0);
  const lines = (await readFile(join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  const metrics = lines.map((line) => (JSON.parse(line) as { metrics: Record<string, number> }).metrics);
  return metrics.flatMap(({ loss }) => (loss === undefined ? [] : [loss]));
}

/** The losses on the CPU, which two tests compare with. */
let mlp: Promise<number[]> | undefined;
function lossesOnCpu(name: string): Promise<number[]> {
  const begin = () => losses(`${name}-cpu`, models[name]!, ['--device', 'cpu']);
  if (name !== 'mlp') return begin();
  mlp ??= begin();
  return mlp;
}

describe('training from one seed', () => {
  it('gives the same losses compiled on the CPU and eagerly in tfjs', async () => {
    const [compiled, eager] = [
      await lossesOnCpu('mlp'),
      await losses('tfjs', models.mlp!, ['--engine', 'tfjs']),
    ];
    expect(compiled).toHaveLength(6);
    for (const [i, loss] of eager.entries()) expect(Math.abs(compiled[i]! / loss - 1)).toBeLessThan(1e-3);
  });

  // The convolutions hold what is most easily wrong; the rest is for `npm run parity`.
  const onWebgpu = Object.keys(models).filter((name) => allCases || name === 'convolutions');
  it.skipIf(software === null).each(onWebgpu)(
    'and on WebGPU, where the state stays in device memory: %s',
    async (name) => {
      const model = models[name]!;
      const cpu = await lossesOnCpu(name);
      const webgpu = await losses(`${name}-webgpu`, model, ['--device', 'webgpu'], software!);
      for (const [i, loss] of cpu.entries()) expect(Math.abs(webgpu[i]! / loss - 1)).toBeLessThan(1e-3);
    },
  );
});
