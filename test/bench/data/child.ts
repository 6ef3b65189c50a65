import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildModel,
  type DatasetRequest,
  dataDescription,
  familyNamed,
  loadDataset,
  settingsSchema,
  train,
} from '@generatrix/training';

/** What is measured in a process of its own. */
export interface DataJob {
  readonly data: Omit<DatasetRequest, 'split'>;
  readonly family: string;
  readonly options: Record<string, unknown>;
  readonly steps: number;
  readonly batchSize: number;
  readonly prefetch: boolean;
  readonly threads: number;
}

export interface DataFigures {
  readonly examples: number;
  readonly loadSeconds: number;
  readonly millisecondsPerStep: number;
  /** Share of the time that the loop waited for data. */
  readonly dataWait: number;
  /** Most memory that the process ever held, in MiB. */
  readonly peakMiB: number;
}

/** Trains a few steps, without evaluations or checkpoints on the way, and prints the figures as JSON. */
async function measure(job: DataJob): Promise<DataFigures> {
  const started = performance.now();
  const data = await loadDataset({ ...job.data, split: 'train' } as DatasetRequest);
  const loadSeconds = (performance.now() - started) / 1000;
  const { model, options } = buildModel(familyNamed(job.family), job.options, dataDescription(data));
  const { steps, batchSize, threads } = job;
  const settings = settingsSchema.parse({
    family: job.family,
    options,
    data: job.data,
    seed: 1,
    steps,
    batchSize,
    learningRate: 1e-4,
    engine: 'onnx',
    device: 'cpu',
    threads,
    reportEvery: steps,
    evaluateEvery: steps,
    checkpointEvery: steps,
  });
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-bench-run-'));
  try {
    const { seconds, dataWait } = await train({
      folder,
      settings,
      model,
      train: data,
      validation: null,
      prefetch: job.prefetch,
    });
    return {
      examples: data.size,
      loadSeconds,
      millisecondsPerStep: (1000 * seconds) / steps,
      dataWait,
      peakMiB: process.resourceUsage().maxRSS / 1024,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

console.log(`figures ${JSON.stringify(await measure(JSON.parse(process.argv[2]!) as DataJob))}`);
