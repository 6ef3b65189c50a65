import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import type { Command } from 'commander';
import { augmentation } from '../data/augment.ts';
import { classFrequencies } from '../data/class-frequencies.ts';
import { checkPartsAgree, type Dataset, describeDatasets, loadDataset } from '../data/index.ts';
import { checkBatchMemory } from '../engine/batch-memory.ts';
import { buildModel, families, familyNamed } from '../families/registry.ts';
import { checkSpace } from '../files/disk-space.ts';
import type { Family } from '../model/family.ts';
import { checkpointFolder, checkpointSteps } from '../run/checkpoint.ts';
import { readConfig } from '../run/config.ts';
import { fingerprintsOf, refuseChange } from '../run/data-check.ts';
import { describeDryRun, dryRun, stateBytes } from '../run/dry-run.ts';
import { bundleFolder, finishRun } from '../run/finish.ts';
import { type OpenRun, openRun } from '../run/open-run.ts';
import { hasRun, type RunRecord, readRun, runData, writeRun } from '../run/run-folder.ts';
import { parseSettings, type RunSettings, type RunSettingsInput } from '../run/settings.ts';
import { type TrainRequest, type TrainResult, train } from '../run/train.ts';
import { loadTracker } from '../tracking/tracker.ts';
import { wholeNumber } from './flags.ts';
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
    .usage('<family> [options], or --config FILE [options of its family]');
  for (const family of families) {
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
    .action(async (folder: string, flags: ResumeFlags) => {
      const { steps, learningRate: rate, earlyStop, dataDir, tracker } = flags;
      const { earlyStop: before, ...settings } = (await readRun(folder)).settings;
      const patience = earlyStop === undefined ? before : wholeNumber('--early-stop')(earlyStop);
      const changed = {
        ...settings,
        ...(dataDir === undefined ? {} : { data: { ...settings.data, dir: dataDir } }),
        ...(steps === undefined ? {} : { steps: wholeNumber('--steps', 1)(steps) }),
        ...(rate === undefined ? {} : { learningRate: learningRate(rate) }),
        ...(patience === undefined || patience === 0 ? {} : { earlyStop: patience }),
      };
      if (await isFinished(folder, changed.steps, steps !== undefined)) return;
      await runTraining(folder, changed, await watcherOf(tracker));
    });
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
  if (flags.dryRun === true) {
    await tryRun(settings);
    return;
  }
  // A module that does not load is said before anything is written.
  const watcher = await watcherOf(flags.tracker);
  await runTraining(folder, settings, watcher, { overwrite });
}

/** `train --dry-run`: says what the run would take, and writes nothing. */
async function tryRun(given: RunSettingsInput): Promise<void> {
  const settings = parseSettings(given, 'settings');
  const parts = await loadParts(settings);
  console.log(describeDatasets([parts.train, parts.validation]));
  const { model, settled } = modelFor(settings, parts.train);
  for (const line of describeDryRun(await dryRun({ settings: settled, model, ...parts }), settled))
    console.log(line);
}

/** The parts of its data that a run looks at. @throws UserError when they do not go together, too. */
async function loadParts(settings: RunSettings): Promise<{ train: Dataset; validation: Dataset }> {
  const train = await loadDataset(runData(settings, 'train'));
  const validation = await loadDataset(runData(settings, 'validation'));
  checkPartsAgree(train, validation);
  return { train, validation };
}

/** The model of a run, and its settings with the family's defaults. @throws UserError when they do not fit the data. */
function modelFor(settings: RunSettings, dataset: Dataset) {
  augmentation(settings.augment, dataset.spec, settings.seed);
  const frequencies = classFrequencies(dataset);
  const data = {
    spec: dataset.spec,
    classNames: dataset.classNames,
    ...(frequencies === undefined ? {} : { classFrequencies: frequencies }),
  };
  const { model, options } = buildModel(familyNamed(settings.family), settings.options, data);
  if (settings.engine === 'onnx') checkBatchMemory(model, settings.batchSize, dataset.spec.shape);
  return { model, data, settled: { ...settings, options } };
}

/** What follows a run from outside, see `TrainRequest`. */
export type Watcher = Pick<TrainRequest, 'onSamples' | 'tracker'>;

/** The watcher that a module given to `--tracker` makes. Run folders do not name it: none brings code to run. */
async function watcherOf(module: string | undefined): Promise<Watcher> {
  return module === undefined ? {} : { tracker: await loadTracker(module) };
}

/**
 * Trains in a folder, from its latest checkpoint if it has one, then writes the bundle and the report. Ctrl-C stops
 * after the step in progress, saves, and says how to go on. No other process can write to the folder meanwhile.
 * @param options.overwrite starts anew where the folder holds a run, whose files are deleted
 * @param options.origin what begins the run, where that is no `train`
 */
export async function runTraining(
  folder: string,
  given: RunSettingsInput,
  watcher: Watcher = {},
  options: { readonly overwrite?: boolean; readonly origin?: 'tour' } = {},
): Promise<TrainResult> {
  const settings = parseSettings(given, 'settings');
  const run = await openRun(folder, options);
  try {
    const before = options.overwrite !== true && (await hasRun(folder)) ? await readRun(folder) : null;
    return await trainIn(run, folder, settings, watcher, { before, origin: options.origin });
  } finally {
    await run.close();
  }
}

async function trainIn(
  run: OpenRun,
  folder: string,
  settings: RunSettings,
  watcher: Watcher,
  { before, origin }: { before: RunRecord | null; origin: 'tour' | undefined },
): Promise<TrainResult> {
  const { train: dataset, validation } = await loadParts(settings);
  console.error(describeDatasets([dataset, validation]));
  // Refused before anything is written.
  const fingerprints = await fingerprintsOf(dataset, validation);
  refuseChange(folder, before?.fingerprints, fingerprints);
  if (before !== null && before.fingerprints === undefined)
    console.error(`${folder}: the run did not record its data; it is taken to be the same`);
  const { model, data, settled } = modelFor(settings, dataset);
  // The checkpoints, the one that is being written, and the bundle.
  await checkSpace(
    folder,
    (settings.keepCheckpoints + (settings.keep === 'best' ? 3 : 2)) * stateBytes(model.state),
    'checkpoints and the bundle take',
  );
  await run.begin();
  await writeRun(folder, {
    settings: settled,
    data,
    fingerprints,
    ...(origin === undefined ? {} : { origin }),
  });
  const stop = new AbortController();
  const interrupt = () => {
    console.error('\nstopping after this step ...');
    stop.abort();
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    const result = await train({
      folder,
      settings: settled,
      model,
      train: dataset,
      validation,
      signal: stop.signal,
      ...watcher,
    });
    if (!result.finished) {
      console.error(
        `stopped at step ${result.step} of ${settled.steps}; go on with: generatrix resume ${folder}`,
      );
      process.exitCode = 130;
      return result;
    }
    if (result.stoppedEarly) {
      console.log(
        `stopped early at step ${result.step} of ${settled.steps}, as validation no longer improved; ` +
          `go on all the same with: generatrix resume ${folder} --early-stop 0`,
      );
    }
    await finishRun(folder, result, { train: dataset, validation });
    return result;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}
