import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import {
  bundleFolder,
  describeRun,
  type Family,
  familyOf,
  knownFamilies,
  loadFamily,
  loadTracker,
  type PluginFile,
  type ProgressCourse,
  pluginOf,
  readConfig,
  runTraining,
  type TrainResult,
  type Watcher,
} from '@generatrix/training';
import {
  checkpointFolder,
  checkpointSteps,
  hasRun,
  type RunSettingsInput,
  readRun,
  writeRun,
} from '@generatrix/training/record';
import type { Command } from 'commander';
import { optionsGiven, wholeNumber } from './flags.ts';
import { createProgress } from './progress.ts';
import { addSweepFlags, type SweepFlags, startSweep } from './sweep.ts';
import {
  addTrainFlags,
  learningRate,
  type TrainFlags,
  trackerHelp,
  trainSettings,
} from './train-settings.ts';

/** `generatrix train FAMILY`: one subcommand for each family, with its options as flags. */
export function addTrain(program: Command): void {
  const parent = program
    .command('train')
    .description('train a model and export it as a bundle')
    .usage('<family or module of one> [options], or --config FILE [options of its family]');
  for (const family of knownFamilies()) {
    const command = parent.command(family.name).description(family.title);
    addTrainFlags(command, family);
    addSweepFlags(command);
    command.action(async (flags: TrainFlags & SweepFlags) => {
      if (flags.sweep !== undefined) {
        if (flags.dryRun === true)
          throw new UserError('--dry-run: it is of one run; leave out --sweep, or leave it out');
        await startSweep(family.name, command, flags);
        return;
      }
      if (flags.jobs !== undefined)
        throw new UserError('--jobs: it is of a sweep; add --sweep, or leave it out');
      await startRun(family, flags as TrainFlags & Record<string, unknown>);
    });
  }
}

interface ResumeFlags {
  readonly dataDir?: string;
  readonly steps?: string;
  readonly learningRate?: string;
  readonly earlyStop?: string;
  readonly tracker?: string;
  readonly plugin?: string;
}

/** `generatrix resume RUN`: goes on from the latest checkpoint, bit for bit on the same device. */
export function addResume(program: Command): void {
  program
    .command('resume')
    .description('go on with a run that was stopped, or train it further with --steps')
    .argument('<run>', 'folder of the run')
    .option('--steps <n>', 'train to this step instead')
    .option(
      '--learning-rate <x>',
      'step size of the optimizer from here on, such as after a run that diverged',
    )
    .option('--early-stop <n>', 'evaluations without improvement until it stops; 0 for no early stop')
    .option('--data-dir <path>', 'where the data lies now, when it was moved')
    .option('--tracker <module>', trackerHelp)
    .option('--plugin <module>', 'module that defines its family from here on, where it was moved or changed')
    .action(async (folder: string, flags: ResumeFlags) => {
      const { steps, learningRate: rate, earlyStop, dataDir, tracker, plugin } = flags;
      const record = await readRun(folder);
      const { earlyStop: before, ...settings } = record.settings;
      const patience = earlyStop === undefined ? before : wholeNumber('--early-stop')(earlyStop);
      const changed = {
        ...settings,
        ...(plugin === undefined ? {} : { plugin: await pluginFor(settings.family, plugin) }),
        ...(dataDir === undefined ? {} : { data: { ...settings.data, dir: dataDir } }),
        ...(steps === undefined ? {} : { steps: wholeNumber('--steps', 1)(steps) }),
        ...(rate === undefined ? {} : { learningRate: learningRate(rate) }),
        ...(patience === undefined || patience === 0 ? {} : { earlyStop: patience }),
      };
      await familyOf(changed);
      // A finished run is not written again otherwise.
      if (plugin !== undefined)
        await writeRun(folder, { ...record, settings: { ...record.settings, plugin: changed.plugin } });
      if (await isFinished(folder, changed.steps, steps !== undefined)) return;
      await trainInTerminal(folder, changed, await watcherOf(tracker));
    });
}

/** The module that is to define a run's family. @throws UserError when it defines another one */
async function pluginFor(family: string, path: string): Promise<PluginFile | undefined> {
  const { name } = await loadFamily(path);
  if (name === family) return pluginOf(name);
  throw new UserError(
    `--plugin ${path}: it defines '${name}', the run is of '${family}'; name the module of that one`,
  );
}

/**
 * Has the run done its steps, and written all that comes after them? Says so then.
 * @param asked whether the number of steps was given to this command
 * @throws UserError when the run has done more steps than it is to do.
 */
async function isFinished(folder: string, steps: number, asked: boolean): Promise<boolean> {
  const { length, [length - 1]: done = 0 } = (await checkpointSteps(checkpointFolder(folder))).steps;
  if (done < steps) return false;
  if (done > steps) {
    const what = asked ? `--steps ${steps}` : `${folder}: 'steps' is ${steps} in run.json`;
    throw new UserError(`${what}: the run has done ${done} steps already; say more than ${done}`);
  }
  const written = [join(bundleFolder(folder), 'model.json'), join(folder, 'report.html')];
  if (!written.every((path) => existsSync(path))) return false;
  console.log(
    `${folder}: all ${steps} steps are done, the bundle and the report written: nothing to do; ` +
      `train further with: generatrix resume ${folder} --steps ${2 * steps}`,
  );
  return true;
}

async function startRun(family: Family, flags: TrainFlags & Record<string, unknown>): Promise<void> {
  const folder = flags.out ?? `runs/${family.name}`;
  const overwrite = flags.overwrite ?? false;
  if (!overwrite && (await hasRun(folder))) {
    throw new UserError(
      `${folder} already holds a run; go on with it by: generatrix resume ${folder}, replace it with --overwrite, or give another --out`,
    );
  }
  const config = flags.config === undefined ? undefined : await readConfig(flags.config);
  const settings = trainSettings(family, flags, config);
  const asked = Object.keys(optionsGiven(family.options, flags));
  if (flags.dryRun === true) {
    for (const line of await describeRun(settings, asked)) console.log(line);
    return;
  }
  // A module that does not load is said before anything is written.
  const watcher = await watcherOf(flags.tracker);
  await trainInTerminal(folder, settings, watcher, { overwrite, asked });
}

/** The watcher that a module given to `--tracker` makes. Run folders do not name it: none brings code to run. */
async function watcherOf(module: string | undefined): Promise<Watcher> {
  return module === undefined ? {} : { tracker: await loadTracker(module) };
}

/**
 * `runTraining` for someone who looks on: progress and lines go to the terminal, Ctrl-C stops after the step in
 * progress, saves, and says how to go on.
 */
export async function trainInTerminal(
  folder: string,
  settings: RunSettingsInput,
  watcher: Watcher = {},
  options: Parameters<typeof runTraining>[3] = {},
): Promise<TrainResult> {
  const stop = new AbortController();
  const interrupt = () => {
    console.error('\nstopping after this step ...');
    stop.abort();
  };
  const terminal = {
    output: console,
    signal: stop.signal,
    progress: (course: ProgressCourse) => createProgress(course),
    // Until then there is nothing to save, and Ctrl-C ends the process at once.
    onBegin: () => {
      process.once('SIGINT', interrupt);
      process.once('SIGTERM', interrupt);
    },
  };
  try {
    const result = await runTraining(folder, settings, { ...terminal, ...watcher }, options);
    if (!result.finished) {
      console.error(
        `stopped at step ${result.step} of ${settings.steps}; go on with: generatrix resume ${folder}`,
      );
      process.exitCode = 130;
    }
    return result;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
