import type { Sampler } from '@generatrix/runtime';
import { canAnneal, type DeviceRequest, densityOf } from '@generatrix/runtime/core';
import type { Dataset } from '@generatrix/training/data';
import { formatNats } from '@generatrix/training/report';
import { type Command, Option } from 'commander';
import { addDataFlags, addDatasetOptionFlags, deviceOption, wholeNumber } from './flags.ts';
import { type ModelDataFlags, modelData } from './model-data.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';
import { type AnnealingFlags, addAnnealingFlags, annealingOf, describePartition } from './partition.ts';
import {
  missedByChains,
  reconstructionError,
  type Score,
  scoreByEnergy,
  scoreDataset,
} from './score-dataset.ts';

interface ScoreFlags extends ModelDataFlags, CheckpointFlag, AnnealingFlags {
  readonly samples: string;
  readonly limit?: string;
  readonly seed: string;
  readonly device: DeviceRequest;
}

/** `generatrix score MODEL`: mean log-likelihood of a data set, or its bound. */
export function addScore(program: Command): void {
  const command = program
    .command('score')
    .description(
      'mean log-likelihood (or its lower bound) of a data set under a model; of an autoencoder, its reconstruction error',
    )
    .argument('<model>', 'folder of a bundle or of a run');
  addDataFlags(addAnnealingFlags(addCheckpointFlag(command)), 'that of the training run')
    .addOption(
      new Option('--split <name>', 'which examples').choices(['train', 'validation', 'test']).default('test'),
    )
    .option('--samples <k>', 'importance samples for a bound; 1 is the ELBO', '1')
    .option('--limit <n>', 'score at most this many examples')
    .option('--seed <n>', 'seed of the noise that a bound or an estimate needs', '42')
    .option('--data-seed <n>', 'seed of a drawn data set (default: that of the training run)')
    .addOption(deviceOption())
    .action(async (model: string, flags: ScoreFlags) => {
      const { sampler, close } = await openModel(model, flags);
      try {
        await printScore(sampler, flags, model);
      } finally {
        await close();
      }
    });
  addDatasetOptionFlags(command);
}

async function printScore(sampler: Sampler, flags: ScoreFlags, model: string): Promise<void> {
  const { data, provenance } = sampler.manifest;
  const name = flags.data ?? data.name;
  const dataset = await modelData(sampler, flags, model);
  const samples = wholeNumber('--samples', 1, 1_000_000)(flags.samples);
  const limit = flags.limit === undefined ? Number.POSITIVE_INFINITY : wholeNumber('--limit', 1)(flags.limit);
  const seed = wholeNumber('--seed')(flags.seed);
  const { programs } = sampler.manifest;
  if (densityOf(programs) === undefined && canAnneal(sampler)) {
    await printEnergyScore(sampler, dataset, { name, limit, flags });
    return;
  }
  if (densityOf(programs) === undefined && 'reconstruct' in programs) {
    const { count, mean, standardError } = await reconstructionError(sampler, dataset, { limit, seed });
    console.log(`${name}, ${flags.split} split, ${count} examples, on ${sampler.device}`);
    console.log(
      `squared error of a reconstruction, summed over its values: ${mean.toFixed(3)} (standard error ${standardError.toFixed(3)})`,
    );
    return;
  }
  const score = await scoreDataset(sampler, dataset, { samples, limit, seed });
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

/** The log-likelihood of a model that is known up to its partition function, which is estimated. */
async function printEnergyScore(
  sampler: Sampler,
  dataset: Dataset,
  { name, limit, flags }: { readonly name: string; readonly limit: number; readonly flags: ScoreFlags },
): Promise<void> {
  const scored = await scoreByEnergy(sampler, dataset, { ...annealingOf(flags), limit });
  const { isBound, partition, mean, count, standardError } = scored;
  const [low, high] = partition.interval.map((logZ) => formatNats(mean + partition.logZ - logZ));
  console.log(`${name}, ${flags.split} split, ${count} examples, on ${sampler.device}`);
  console.log(`log Z: ${describePartition(partition)}`);
  console.log(
    `${isBound ? 'lower bound of the log-likelihood' : 'log-likelihood'} by that estimate, in expectation above the true one: ${formatNats(mean)} nats ` +
      `(standard error over examples ${standardError.toFixed(3)}; log Z within three standard errors: ${high} to ${low})`,
  );
  console.log(`bits per dimension: ${scored.bitsPerDimension.toFixed(4)}`);
  const missed = missedByChains(scored.freeEnergy);
  if (missed !== null) console.log(`not to be believed: ${missed}`);
}

/** BIC and AIC (lower is better), where the model says how many free parameters it has. */
function printCriteria(freeParameters: number | undefined, { kind, count, mean }: Score): void {
  if (freeParameters === undefined || kind !== 'exact') return;
  const total = 2 * count * mean;
  console.log(
    `BIC: ${(freeParameters * Math.log(count) - total).toFixed(1)}, AIC: ${(2 * freeParameters - total).toFixed(1)} (${freeParameters} free parameters)`,
  );
}
