import {
  canAnneal,
  type DeviceRequest,
  type LogPartition,
  type LogPartitionRequest,
  UserError,
} from '@generatrix/runtime/core';
import { formatNats } from '@generatrix/training/report';
import type { Command } from 'commander';
import { withProgress } from './chain-progress.ts';
import { deviceOption, wholeNumber } from './flags.ts';
import { addCheckpointFlag, type CheckpointFlag, openModel } from './open-model.ts';

/** How the partition function of a model is estimated. */
export interface AnnealingFlags {
  readonly chains: string;
  readonly temperatures?: string;
  readonly seed: string;
}

interface PartitionFlags extends AnnealingFlags, CheckpointFlag {
  readonly back?: boolean;
  readonly sampleSteps?: string;
  readonly device: DeviceRequest;
}

/** Adds `--chains` and `--temperatures`. */
export function addAnnealingFlags(command: Command): Command {
  return command
    .option(
      '--chains <n>',
      'annealed chains that the partition function of an energy model is estimated from',
      '100',
    )
    .option('--temperatures <n>', "temperatures that each goes through (default: the model's own number)");
}

/** What the flags ask for. @throws UserError for a number that is none. */
export function annealingOf({ chains, temperatures, seed }: AnnealingFlags): LogPartitionRequest {
  return {
    chains: wholeNumber('--chains', 2, 1_000_000)(chains),
    ...(temperatures !== undefined && {
      temperatures: wholeNumber('--temperatures', 2, 10_000_000)(temperatures),
    }),
    seed: wholeNumber('--seed')(seed),
  };
}

/** Chains of equal weight below which a standard error, taken over the same chains, says little. */
const fewChains = 5;

/** An estimate as a line: how sure it is, and of how much. */
export function describePartition({
  logZ,
  standardError,
  interval,
  effectiveSampleSize,
  chains,
  temperatures,
}: LogPartition): string {
  const [low, high] = interval.map(formatNats);
  const few = effectiveSampleSize < Math.min(fewChains, chains / 2);
  return (
    `${formatNats(logZ)} nats (standard error ${standardError.toFixed(3)}, within three: ${low} to ${high}; ` +
    `${chains} chains, as good as ${effectiveSampleSize.toFixed(1)} of equal weight; ${temperatures} temperatures)` +
    (few ? '; too few carry the weight for that error to be trusted: give more --temperatures' : '')
  );
}

/** `generatrix partition MODEL`: log Z of an energy model by annealed importance sampling. */
export function addPartition(program: Command): void {
  const command = program
    .command('partition')
    .description('log partition function of an energy model by annealed importance sampling, with its error')
    .argument('<model>', 'folder of a bundle or of a run');
  addAnnealingFlags(addCheckpointFlag(command))
    .option('--back', "also from the model's samples back to the start: the other bound")
    .option(
      '--sample-steps <n>',
      "with --back: steps of the chains that those samples are the ends of (default: the model's own number)",
    )
    .option('--seed <n>', 'seed of all chains', '42')
    .addOption(deviceOption())
    .action(async (model: string, flags: PartitionFlags) => {
      const request = annealingOf(flags);
      if (flags.sampleSteps !== undefined && !flags.back) {
        throw new UserError(
          '--sample-steps: only chains back begin with samples; add --back or leave it out',
        );
      }
      const sampleSteps =
        flags.sampleSteps === undefined
          ? {}
          : { sampleSteps: wholeNumber('--sample-steps', 2, 1_000_000)(flags.sampleSteps) };
      const { sampler, close } = await openModel(model, flags);
      try {
        // Said before the first estimate, which may take minutes.
        if (flags.back && canAnneal(sampler) && !('annealBack' in sampler.manifest.programs)) {
          throw new UserError(
            `--back: model ${sampler.manifest.name} (${sampler.manifest.family}) has no samples to anneal back; leave it out`,
          );
        }
        const estimate = await withProgress('annealing', 0, (onSteps) =>
          sampler.logPartition({ ...request, onSteps }),
        );
        console.log(`log Z: ${describePartition(estimate)}`);
        if (flags.back) {
          const back = await withProgress('annealing', 0, (onSteps) =>
            sampler.logPartitionBack({ ...request, ...sampleSteps, onSteps }),
          );
          console.log(`log Z from samples back: ${describePartition(back)}`);
        }
      } finally {
        await close();
      }
    });
}
