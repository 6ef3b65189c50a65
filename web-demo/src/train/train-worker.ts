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
import { zipSync } from 'fflate';
import { useEngineFolder } from '../cache/engine-files.ts';
import type { FromTrainer, OpenRequest, OwnExamples, ToTrainer } from './protocol.ts';

/** The thread that training blocks, so that the page stays free. It holds one model for its whole life. */
interface Training {
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly trainer: Awaited<ReturnType<typeof trainBundle>>;
  readonly seed: number;
  readonly dataset: string;
  readonly metrics: Record<string, number>;
}

/** Milliseconds between two reports, and between two grids of samples. */
const reportInterval = 250;
const sampleInterval = 2000;
/** Drawn with one seed all along, so that what changes is the model. */
const samples = { seed: 42, count: { image: 36, points: 500, audio: 4 } };

let training: Training | undefined;
let running = false;

const reply = (message: FromTrainer, transfer: Transferable[] = []) => postMessage(message, { transfer });

async function open(
  { url, device, wasmPaths, seed, from }: OpenRequest,
  own: OwnExamples | undefined,
): Promise<void> {
  useEngineFolder(wasmPaths);
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
  running = true;
  let sums: Record<string, number> = {};
  let counted = 0;
  let [reported, sampled] = [performance.now(), performance.now()];
  while (running && trainer.step < steps) {
    for (const [name, value] of Object.entries(await trainer.advance()))
      sums[name] = (sums[name] ?? 0) + value;
    counted++;
    const now = performance.now();
    if (now - reported < reportInterval && trainer.step < steps) continue;
    const means = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / counted]));
    if (!Number.isFinite(means.loss))
      throw new Error(`training diverged at step ${trainer.step}: no finite loss`);
    Object.assign(metrics, means);
    const report = { step: trainer.step, metrics: means, stepTime: (now - reported) / counted };
    reply({ kind: 'report', report });
    if (now - sampled > sampleInterval) {
      await showSamples();
      sampled = performance.now();
    }
    [sums, counted, reported] = [{}, 0, performance.now()];
    // Steps block the thread; a turn of the event loop lets `stop` in.
    await new Promise((resolve) => setTimeout(resolve));
  }
  running = false;
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
  const inFolder = Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [`${name}/${path}`, bytes]),
  );
  const zip = zipSync(inFolder, { level: 1 });
  reply({ kind: 'bundle', zip, name }, [zip.buffer]);
}

function fail(error: unknown): void {
  running = false;
  reply({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
}

function handle(message: ToTrainer): Promise<void> {
  switch (message.kind) {
    case 'open':
      return open(message.request, message.examples);
    case 'train':
      return train(message.steps);
    case 'stop':
      running = false;
      return Promise.resolve();
    case 'bundle':
      return sendBundle();
  }
}

addEventListener('message', ({ data }: MessageEvent<ToTrainer>) => {
  handle(data).catch(fail);
});
