import {
  bundledExamples,
  tensorExamples,
  trainBundle,
  trainedBundle,
  trainingOf,
} from '@generatrix/runtime/train';
import {
  type Bundle,
  createExecutor,
  type Executor,
  openBundle,
  sizeOf,
  webSource,
} from '@generatrix/runtime/web';
import { setEngine } from '../cache/engine-files.ts';
import { zipFolder } from '../view/zip-folder.ts';
import { tellLife } from '../worker/life.ts';
import type { FromTrainer, OpenRequest, OwnExamples, ToTrainer } from './protocol.ts';
import { windowMeans } from './window-means.ts';

/** The thread that training blocks, so that the page stays free. It holds one model for its whole life. */
interface Training {
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly trainer: Awaited<ReturnType<typeof trainBundle>>;
  readonly seed: number;
  readonly dataset: string;
  readonly metrics: Record<string, number>;
}

/** Milliseconds between two grids of samples, and between two turns of the event loop, which let `stop` in. */
const sampleInterval = 2000;
const turnInterval = 100;
/** Drawn with one seed all along, so that what changes is the model. */
const samples = { seed: 42, count: { image: 36, points: 500, audio: 4 } };

let training: Training | undefined;
let stopped = false;

const reply = (message: FromTrainer, transfer: Transferable[] = []) => postMessage(message, { transfer });

async function open(
  { url, device, wasmPaths, seed, from }: OpenRequest,
  own: OwnExamples | undefined,
): Promise<void> {
  setEngine({ folder: wasmPaths });
  const bundle = await openBundle(webSource(url));
  const executor = await createExecutor(device);
  const read = {
    onProgress: ({ received, total }: { received: number; total: number }) =>
      reply({ kind: 'progress', received, total }),
  };
  const examples = own === undefined ? await bundledExamples(bundle, read) : tensorExamples(own.data);
  if (examples === null) throw new Error('this bundle brings no examples: drop some images to train on');
  const trainer = await trainBundle(bundle, executor, { examples, seed, from, read });
  const { name, data, provenance } = bundle.manifest;
  const entry = trainingOf(bundle);
  const dataset = own?.name ?? provenance.dataset;
  training = { bundle, executor, trainer, seed, dataset, metrics: {} };
  const states = Object.entries(entry.state).filter(([key]) => !/^(adam|average)\//.test(key));
  reply({
    kind: 'opened',
    training: {
      title: name,
      spec: data,
      device: executor.device,
      batchSize: entry.batchSize,
      examples: examples.size,
      dataset,
      parameters: states.reduce((total, [, { shape }]) => total + sizeOf(shape), 0),
    },
  });
  await showSamples();
}

function current(): Training {
  if (training === undefined) throw new Error('no model is open');
  return training;
}

/** Trains until that many steps are done in all, or it is stopped. */
async function train(steps: number): Promise<void> {
  const { trainer, metrics } = current();
  const means = windowMeans();
  let [turned, sampled] = [performance.now(), performance.now()];
  let counted = 0;
  while (!stopped && trainer.step < steps) {
    const values = await trainer.advance();
    const report = means.add(trainer.step, values, trainer.step === steps);
    counted++;
    if (report !== undefined) {
      if (!Number.isFinite(report.metrics.loss))
        throw new Error(`training diverged at step ${report.step}: no finite loss`);
      Object.assign(metrics, report.metrics);
      reply({ kind: 'report', report });
    }
    const now = performance.now();
    if (now - turned < turnInterval && trainer.step < steps) continue;
    reply({ kind: 'pace', step: trainer.step, stepTime: (now - turned) / counted });
    if (now - sampled > sampleInterval) {
      await showSamples();
      sampled = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve));
    [turned, counted] = [performance.now(), 0];
  }
  await showSamples();
  reply({ kind: 'stopped', step: trainer.step });
}

async function showSamples(): Promise<void> {
  const { trainer, bundle } = current();
  if (!('sample' in bundle.manifest.programs)) return;
  const count = samples.count[bundle.manifest.data.kind];
  const { data } = await trainer.run('sample', { seed: samples.seed, firstIndex: 0, count });
  reply({ kind: 'samples', step: trainer.step, data: data! });
}

/** The model as it stands, as a bundle that any runtime loads. */
async function sendBundle(): Promise<void> {
  const { bundle, trainer, executor, seed, dataset, metrics } = current();
  const files = await trainedBundle(bundle, await trainer.state(), {
    steps: trainer.step,
    seed,
    engine: `onnxruntime-web on ${executor.device}`,
    dataset,
    metrics,
  });
  const { name } = bundle.manifest;
  const zip = zipFolder(name, files, 1);
  reply({ kind: 'bundle', zip, name }, [zip.buffer]);
}

function fail(error: unknown): void {
  stopped = true;
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

function handle(message: Exclude<ToTrainer, { kind: 'stop' }>): Promise<void> {
  switch (message.kind) {
    case 'open':
      return open(message.request, message.examples);
    case 'train':
      return train(message.steps);
    case 'bundle':
      return sendBundle();
  }
}

/** One after the other: onnxruntime does not bear two programs at once on WebGPU. */
let queue = Promise.resolve();

addEventListener('message', ({ data }: MessageEvent<ToTrainer>) => {
  stopped = data.kind === 'stop';
  if (data.kind !== 'stop') queue = queue.then(() => handle(data)).catch(fail);
});

tellLife((sign) => postMessage(sign));
