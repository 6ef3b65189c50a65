import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSampler,
  type DataSpec,
  type Executor,
  createExecutor as nodeExecutor,
} from '@generatrix/runtime';
import { createExecutor as webExecutor } from '@generatrix/runtime/web';
import { ensureChromium } from '@generatrix/training/browser';
import Table from 'cli-table3';
import { softwareVulkan } from '../parity/software-vulkan.ts';
import { bundleOf, untrainedModel } from './untrained.ts';

/** Models whose draws are compared; wide weights, so that their laws are as uneven as those of trained ones. */
const subjects: Readonly<
  Record<string, { family: string; options: Record<string, unknown>; spec: DataSpec }>
> = {
  'wavenet, 6 layers, 256 levels': {
    family: 'wavenet',
    options: { layers: 6, stacks: 1 },
    spec: { kind: 'audio', shape: [2000], sampleRate: 8000, range: [-1, 1] },
  },
  'pixelcnn, binary': {
    family: 'pixelcnn',
    options: { layers: 4, filters: 16 },
    spec: { kind: 'image', shape: [28, 28, 1], range: [0, 1] },
  },
  'pixelcnn, 256 levels': {
    family: 'pixelcnn',
    options: { layers: 4, filters: 16, output: 'categorical' },
    spec: { kind: 'image', shape: [28, 28, 1], range: [0, 1] },
  },
};

const devices = {
  cpu: 'onnxruntime-node cpu',
  wasm: 'onnxruntime-web wasm',
  webgpu: 'onnxruntime-node webgpu (software)',
} as const;
type FlipDevice = keyof typeof devices;

/** Draws of each model on each device, about; the software adapter is slow and makes an eighth of them. */
const wanted = Number(process.env.GENERATRIX_FLIP_DRAWS ?? 1_000_000);
const drawsOf = (device: FlipDevice) => (device === 'webgpu' ? wanted / 8 : wanted);
const batchSize = 64;

/**
 * Draws samples with the same noise on each device and counts where they part from those of the CPU: a draw of an
 * example counts as long as all before it were the same, so that each flip counts once. The devices run in processes
 * of their own, since the software driver has to be there when a process starts.
 */
async function compareDevices(): Promise<void> {
  const table = new Table({
    head: ['model', 'runtime', 'draws', 'flips', 'per million'],
    style: { head: [], border: [] },
  });
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-flips-'));
  try {
    for (const model of Object.keys(subjects)) {
      const drawn: Partial<Record<FlipDevice, Float32Array>> = {};
      for (const device of Object.keys(devices) as FlipDevice[]) {
        const outcome = await drawInChild(model, device, join(folder, device));
        if (typeof outcome === 'string') {
          table.push([model, devices[device], { colSpan: 3, content: `not run: ${outcome}` }]);
          continue;
        }
        drawn[device] = outcome;
        const { draws, flips } = countFlips(outcome, drawn.cpu!, subjects[model]!.spec);
        const rate = device === 'cpu' ? 'the reference' : ((1e6 * flips) / draws).toFixed(1);
        table.push([model, devices[device], draws, device === 'cpu' ? '' : flips, rate]);
        console.log(`${model}, ${devices[device]}: ${draws} draws, ${rate}`);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  console.log(table.toString());
}

function countFlips(a: Float32Array, b: Float32Array, { shape }: DataSpec): { draws: number; flips: number } {
  const each = shape.reduce((product: number, size: number) => product * size, 1);
  let [draws, flips] = [0, 0];
  for (let start = 0; start < a.length; start += each) {
    // Devices round what stands for a level differently; levels are 1e-4 and more apart.
    const apart = a
      .subarray(start, start + each)
      .findIndex((value, i) => Math.abs(value - b[start + i]!) > 1e-5);
    draws += apart < 0 ? each : apart + 1;
    flips += apart < 0 ? 0 : 1;
  }
  return { draws, flips };
}

async function drawInChild(model: string, device: FlipDevice, file: string): Promise<Float32Array | string> {
  const software = device === 'webgpu' ? softwareVulkan(await ensureChromium()) : {};
  if (software === null) return 'no software Vulkan driver is here';
  const child = spawn(process.execPath, [import.meta.filename, model, device, file], {
    env: { ...process.env, ...software },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let trouble = '';
  child.stderr.on('data', (data: Buffer) => {
    trouble += data.toString();
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) return trouble.trim().split('\n').at(-1) ?? `status ${String(status)}`;
  const bytes = await readFile(file);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

async function drawHere(name: string, device: FlipDevice, file: string): Promise<void> {
  const { family, options, spec } = subjects[name]!;
  const bundle = await bundleOf(untrainedModel(family, options, spec), spec, ['sample'], { gain: 2 });
  const executor: Executor =
    device === 'wasm' ? await webExecutor('wasm', { threads: 1 }) : await nodeExecutor(device);
  const sampler = createSampler(bundle, executor);
  const each = spec.shape.reduce((product: number, size: number) => product * size, 1);
  const batches = Math.ceil(drawsOf(device) / (each * batchSize));
  const { data } = await sampler.sample({ count: batches * batchSize, seed: 1, batchSize });
  await sampler.release();
  await writeFile(file, new Uint8Array(data.data.buffer, data.data.byteOffset, data.data.byteLength));
}

const [name, device, file] = process.argv.slice(2);
if (name !== undefined && device !== undefined && file !== undefined) {
  await drawHere(name, device as FlipDevice, file);
  process.exit(0);
}
await compareDevices();
