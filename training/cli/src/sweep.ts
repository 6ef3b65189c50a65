import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import type { Command } from 'commander';
import { showComparison } from './compare.ts';
import { wholeNumber } from './flags.ts';
import { gridOf, parseAxes } from './sweep/grid.ts';
import { runSweep } from './sweep/run-sweep.ts';

export interface SweepFlags {
  readonly sweep?: readonly string[];
  readonly jobs?: string;
  readonly out?: string;
}

/** Adds `--sweep` and `--jobs` to a `train` command. */
export function addSweepFlags(command: Command): Command {
  return command
    .option(
      '--sweep <name=values>',
      'train a run for each value, such as learningRate=1e-4,1e-3; given again, for each combination',
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--jobs <n>', 'runs of a sweep at a time (default: 1)');
}

/**
 * `generatrix train FAMILY --sweep ...`: all runs of a grid, then their comparison. Ctrl-C saves what runs and says how
 * to go on; the same command does.
 */
export async function startSweep(family: string, command: Command, flags: SweepFlags): Promise<void> {
  const named = command.options.filter((option) => option.required || option.optional);
  const axes = parseAxes(
    flags.sweep ?? [],
    named.map((option) => option.name()),
  );
  const swept = axes.find(({ flag }) => command.getOptionValueSource(attributeOf(command, flag)) === 'cli');
  if (swept !== undefined) {
    throw new UserError(`--${swept.flag}: given beside --sweep ${swept.flag}; leave one of the two out`);
  }
  const points = gridOf(axes);
  const folder = flags.out ?? join('runs', `${family}-sweep`);
  const stop = new AbortController();
  const interrupt = () => {
    console.error('\nstopping: the runs save after the step in progress ...');
    stop.abort();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const jobs = flags.jobs === undefined ? 1 : wholeNumber('--jobs', 1)(flags.jobs);
    console.error(`${points.length} runs in ${folder}, ${Math.min(jobs, points.length)} at a time`);
    const ends = await runSweep(
      {
        family,
        base: baseFlags(command),
        points,
        jobs,
        folder,
        launcher: process.argv[1]!,
        say: (line) => console.error(line),
      },
      stop.signal,
    );
    const done = ends.filter(({ kind }) => kind === 'done').length;
    if (stop.signal.aborted) {
      console.error(`stopped with ${done} of ${points.length} runs done; the same command goes on`);
      process.exitCode = 130;
      return;
    }
    if (done > 0) {
      const finished = points.filter((_, index) => ends[index]!.kind === 'done');
      await showComparison(
        finished.map(({ name }) => join(folder, name)),
        join(folder, 'comparison.html'),
      );
    }
    if (done < points.length) {
      throw new UserError(`${points.length - done} of ${points.length} runs failed; the others are done`);
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** The flags that were given, but for the sweep's own and the folder. */
function baseFlags(command: Command): string[] {
  return command.options.flatMap((option) => {
    const attribute = option.attributeName();
    if (['sweep', 'jobs', 'out'].includes(attribute)) return [];
    if (command.getOptionValueSource(attribute) !== 'cli') return [];
    const value: unknown = command.getOptionValue(attribute);
    return value === true || value === false ? [option.long!] : [option.long!, String(value)];
  });
}

function attributeOf(command: Command, flag: string): string {
  return command.options.find((option) => option.name() === flag)!.attributeName();
}
