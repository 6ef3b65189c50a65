import type { Sampler } from '@generatrix/runtime';
import { type DeviceRequest, sizeOf } from '@generatrix/runtime/core';
import { type Command, Option } from 'commander';
import type { Dataset } from '../data/index.ts';
import { formatNats } from '../run/format-number.ts';
import { addDataFlags, wholeNumber } from './flags.ts';
import { type ModelDataFlags, modelData } from './model-data.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';

interface ScoreFlags extends ModelDataFlags, CheckpointFlag {
  readonly samples: string;
  readonly limit?: string;
  readonly seed: string;
  readonly device: DeviceRequest;
}

/** What `score` measures over a data set. */
export interface Score {
  readonly kind: 'exact' | 'bound';
  readonly count: number;
  /** Mean log-likelihood (or its lower bound), nats. */
  readonly mean: number;
  /** Standard error of the mean over the examples. */
  readonly standardError: number;
  /** -mean / (dimensions * ln 2). */
  readonly bitsPerDimension: number;
}

const batch = 500;

/** Scores a data set with a loaded model; the noise of a bound is keyed by the example's index. */
export async function scoreDataset(
  sampler: Sampler,
  dataset: Dataset,
  options: { samples: number; limit: number; seed: number },
): Promise<Score> {
  const count = Math.min(options.limit, dataset.size);
  let [sum, squares] = [0, 0];
  let kind: Score['kind'] = 'exact';
  for (let first = 0; first < count; first += batch) {
    const indices = Int32Array.from({ length: Math.min(batch, count - first) }, (_, i) => first + i);
    const scored = await sampler.logProb({
      data: await dataset.gather(indices),
      seed: options.seed,
      samples: options.samples,
      firstIndex: first,
      ...(dataset.labels === null
        ? {}
        : { label: Int32Array.from(indices, (index) => dataset.labels![index]!) }),
    });
    kind = scored.kind;
    for (const value of scored.values) {
      sum += value;
      squares += value * value;
    }
  }
  const mean = sum / count;
  return {
    kind,
    count,
    mean,
    standardError: Math.sqrt(Math.max(0, squares / count - mean * mean) / count),
    bitsPerDimension: -mean / (sizeOf(dataset.spec.shape) * Math.LN2),
  };
}

/** `generatrix score MODEL`: mean log-likelihood of a data set, or its bound. */
export function addScore(program: Command): void {
  const command = program
    .command('score')
    .description('mean log-likelihood (or its lower bound) of a data set under a model')
    .argument('<model>', 'folder of a bundle or of a run');
  addDataFlags(addCheckpointFlag(command), 'that of the training run')
    .addOption(
      new Option('--split <name>', 'which examples').choices(['train', 'validation', 'test']).default('test'),
    )
    .option('--samples <k>', 'importance samples for a bound; 1 is the ELBO', '1')
    .option('--limit <n>', 'score at most this many examples')
    .option('--seed <n>', 'seed of the noise that a bound needs', '42')
    .option('--data-seed <n>', 'seed of a drawn data set (default: that of the training run)')
    .addOption(
      new Option('--device <name>', 'where to run')
        .choices(['auto', 'cpu', 'cuda', 'webgpu'])
        .default('auto'),
    )
    .action(async (model: string, flags: ScoreFlags) => {
      const { sampler, close } = await openModel(model, flags);
      try {
        await printScore(sampler, flags);
      } finally {
        await close();
      }
    });
}

async function printScore(sampler: Sampler, flags: ScoreFlags): Promise<void> {
  const { data, provenance } = sampler.manifest;
  const name = flags.data ?? data.name;
  const dataset = await modelData(sampler, flags);
  const samples = wholeNumber('--samples', 1)(flags.samples);
  const limit = flags.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--limit', 1)(flags.limit);
  const score = await scoreDataset(sampler, dataset, {
    samples,
    limit,
    seed: wholeNumber('--seed')(flags.seed),
  });
  const what =
    score.kind === 'exact'
      ? 'log-likelihood'
      : samples === 1
        ? 'ELBO (lower bound of the log-likelihood)'
        : `importance-weighted bound with ${samples} samples`;
  console.log(`${name}, ${flags.split} split, ${score.count} examples, on ${sampler.device}`);
  console.log(`${what}: ${formatNats(score.mean)} nats (standard error ${score.standardError.toFixed(3)})`);
  console.log(`bits per dimension: ${score.bitsPerDimension.toFixed(4)}`);
  printCriteria(provenance.metrics.freeParameters, score);
}

/** BIC and AIC (lower is better), where the model says how many free parameters it has. */
function printCriteria(freeParameters: number | undefined, { kind, count, mean }: Score): void {
  if (freeParameters === undefined || kind !== 'exact') return;
  const total = 2 * count * mean;
  console.log(
    `BIC: ${(freeParameters * Math.log(count) - total).toFixed(1)}, AIC: ${(2 * freeParameters - total).toFixed(1)} (${freeParameters} free parameters)`,
  );
}
