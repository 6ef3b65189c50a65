import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { tf, trace, writeOnnx } from '@generatrix/export';
import {
  type DataSpec,
  decodeSafetensors,
  downloadAll,
  type Executor,
  encodeSafetensors,
  fillInputs,
  type HostTensor,
  hostTensor,
  createExecutor as nodeExecutor,
  sizeOf,
} from '@generatrix/runtime';
import { createExecutor as webExecutor } from '@generatrix/runtime/web';
import { distributionTails, loadTrained, type Model, toTensor } from '@generatrix/training';
import Table from 'cli-table3';
import { ensureChromium } from '../browser/ensure-chromium.ts';
import { softwareVulkan } from '../parity/software-vulkan.ts';
import { bundleOf, untrainedModel, type Weights, weightsOf } from './untrained.ts';

/** Factor of the starting weights, so that the distributions are uneven, as those of trained models are. */
const gain = 3;
/** Models whose draws are compared; without a running mean of the weights, which has not run before training. */
const subjects: Readonly<
  Record<string, { family: string; options: Record<string, unknown>; spec: DataSpec }>
> = {
  'wavenet, 6 layers, 256 levels': {
    family: 'wavenet',
    options: { layers: 6, stacks: 1, averaging: 0 },
    spec: { kind: 'audio', shape: [2000], sampleRate: 8000, range: [-1, 1] },
  },
  'pixelcnn, binary': {
    family: 'pixelcnn',
    options: { layers: 4, filters: 16, averaging: 0 },
    spec: { kind: 'image', shape: [28, 28, 1], range: [0, 1] },
  },
  'pixelcnn, 256 levels': {
    family: 'pixelcnn',
    options: { layers: 4, filters: 16, averaging: 0, output: 'categorical' },
    spec: { kind: 'image', shape: [28, 28, 1], range: [0, 1] },
  },
};

const devices = {
  tfjs: 'tfjs cpu',
  cpu: 'onnxruntime-node cpu',
  wasm: 'onnxruntime-web wasm',
  webgpu: 'onnxruntime-node webgpu (software)',
} as const;
type FlipDevice = keyof typeof devices;

/** Draws whose distributions are compared, at least: whole samples. */
const fewestDraws = 4000;

interface Subject {
  readonly model: Model;
  readonly spec: DataSpec;
  readonly weights: Weights;
}

/** The model of a run, or one of `subjects` with its starting weights. */
async function subjectOf(name: string): Promise<Subject> {
  const untrained = subjects[name];
  if (untrained === undefined) {
    const { model, data, state } = await loadTrained(name);
    return { model, spec: data.spec, weights: { trained: state } };
  }
  const { family, options, spec } = untrained;
  return { model: untrainedModel(family, options, spec), spec, weights: { gain } };
}

/**
 * How often a draw falls on the other side of a threshold than in eager tfjs on its CPU backend, given the same values before it: the
 * probability that a uniform number, a multiple of 2^-24, lies between the thresholds of two runtimes, summed over the
 * thresholds, mean over the draws of a few samples. `from one end` is what sums of the probabilities from the first
 * class on would give, `from both` what the models draw with (`distributionTails`). The devices run in processes of
 * their own, since the software driver of WebGPU has to be there when a process starts.
 * @param runs folders of trained models, compared in the place of models with starting weights
 */
async function compareDevices(runs: readonly string[]): Promise<void> {
  const table = new Table({
    head: ['model', 'runtime', 'draws', 'flips per million, from one end', 'from both'],
    style: { head: [], border: [] },
  });
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-flips-'));
  try {
    for (const model of runs.length > 0 ? runs : Object.keys(subjects)) {
      let reference: Thresholds | undefined;
      for (const device of Object.keys(devices) as FlipDevice[]) {
        const found = await distributionsInChild(model, device, join(folder, device));
        if (typeof found === 'string') {
          table.push([basename(model), devices[device], { colSpan: 3, content: `not run: ${found}` }]);
          continue;
        }
        reference ??= found;
        const rates = (['oneEnd', 'bothEnds'] as const).map((kind) =>
          device === 'tfjs' ? 'the reference' : flipsPerMillion(found, reference!, kind).toFixed(2),
        );
        table.push([basename(model), devices[device], found.draws, ...rates]);
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  console.log(table.toString());
}

/** Thresholds of every draw, one list after the other. */
interface Thresholds {
  readonly draws: number;
  readonly oneEnd: Float64Array;
  readonly bothEnds: Float64Array;
}

const grid = 2 ** -24;

function flipsPerMillion(a: Thresholds, b: Thresholds, kind: 'oneEnd' | 'bothEnds'): number {
  const place = (x: number) => Math.min(2 ** 24, Math.max(0, Math.ceil(x / grid)));
  let between = 0;
  for (const [i, threshold] of a[kind].entries()) between += Math.abs(place(threshold) - place(b[kind][i]!));
  return (1e6 * between * grid) / a.draws;
}

async function distributionsInChild(
  model: string,
  device: FlipDevice,
  file: string,
): Promise<Thresholds | string> {
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
  const { tensors } = decodeSafetensors(await readFile(file), file);
  const [lower, upper] = [tensors.lower!, tensors.upper!].map(({ data }) => Float64Array.from(data)) as [
    Float64Array,
    Float64Array,
  ];
  const [draws, classes] = tensors.lower!.shape as [number, number];
  // Past the last class there is no threshold.
  const inner = (_: number, i: number) => classes === 1 || i % classes !== classes - 1;
  return {
    draws,
    oneEnd: lower.filter(inner),
    bothEnds: lower.map((low, i) => (low < 0.5 ? low : 1 - upper[i]!)).filter(inner),
  };
}

/** Writes the distribution functions of every draw of some samples, from both ends, as a device computes them. */
async function distributionsHere(name: string, device: FlipDevice, file: string): Promise<void> {
  const { model, spec, weights } = await subjectOf(name);
  const { sample } = model.programs;
  const count = Math.ceil(fewestDraws / sizeOf(spec.shape));
  const inputs = fillInputs('sample', sample!.signature.inputs, { seed: 1, firstIndex: 0, count });
  const cpu = await nodeExecutor('cpu');
  const bundle = await bundleOf(model, spec, ['sample'], weights);
  const { data: drawn } = await downloadAll(
    await (await cpu.load('sample', await bundle.readProgram('sample'))).run(inputs),
  );
  const state = weightsOf(model, weights);
  const given = { ...inputs, drawn: drawn! };
  const tails = ({ drawn: examples, ...request }: Record<string, tf.Tensor>) => {
    const { logits } = sample!.forced!(state, request, examples!).bounds.uniform!;
    if (logits!.rank === 2) return distributionTails(logits!, request.temperature!);
    const column = tf.reshape(logits!, [-1, 1]);
    return { lower: tf.sigmoid(column), upper: tf.sigmoid(tf.neg(column)) };
  };
  if (device === 'tfjs') {
    const tensors = Object.entries(given).map(([key, x]) => [key, toTensor(x)]);
    const { lower, upper } = tails(Object.fromEntries(tensors) as Record<string, tf.Tensor>);
    await writeFile(file, encodeSafetensors({ lower: onHost(lower), upper: onHost(upper) }));
    return;
  }
  const executor: Executor =
    device === 'wasm' ? await webExecutor('wasm', { threads: 1 }) : await nodeExecutor(device);
  const graph = trace(tails, given);
  const distributions = await executor.load('distributions', writeOnnx(graph, { name: 'distributions' }));
  // What does not depend on the noise is no input of the graph.
  const ports = graph.inputs.map(({ name: port }) => [port, given[port as keyof typeof given]]);
  const outputs = await downloadAll(await distributions.run(Object.fromEntries(ports) as typeof given));
  await writeFile(file, encodeSafetensors(outputs));
}

function onHost(x: tf.Tensor): HostTensor {
  return hostTensor('float32', x.shape, Float32Array.from(x.dataSync()));
}

const { values, positionals } = parseArgs({
  options: { run: { type: 'string', multiple: true, default: [] } },
  allowPositionals: true,
});
const [name, device, file] = positionals;
if (name !== undefined && device !== undefined && file !== undefined) {
  await distributionsHere(name, device as FlipDevice, file);
  process.exit(0);
}
await compareDevices(values.run);
