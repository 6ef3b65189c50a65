import { type DeviceRequest, sizeOf, UserError } from '@generatrix/runtime/core';
import { type Command, Option } from 'commander';
import { augmentation, augmentSummary } from '../data/augment.ts';
import { classFrequencies } from '../data/class-frequencies.ts';
import { loadDataset } from '../data/index.ts';
import type { Family, StateSpecs } from '../families/family.ts';
import { buildModel, families, familyNamed } from '../families/registry.ts';
import { finishRun } from '../run/finish.ts';
import { checkSpace, type OpenRun, openRun } from '../run/open-run.ts';
import { hasRun, readRun, runData, writeRun } from '../run/run-folder.ts';
import { parseSettings, type RunSettings, type RunSettingsInput } from '../run/settings.ts';
import { type TrainRequest, type TrainResult, train } from '../run/train.ts';
import { loadTracker } from '../tracking/tracker.ts';
import {
  addDataFlags,
  addFamilyFlags,
  dataRequest,
  familyOptions,
  realNumber,
  wholeNumber,
} from './flags.ts';
import { addSweepFlags, type SweepFlags, startSweep } from './sweep.ts';

interface TrainFlags {
  readonly data?: string;
  readonly preset?: string;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly seed: string;
  readonly steps?: string;
  readonly batchSize?: string;
  readonly learningRate?: string;
  readonly schedule?: 'constant' | 'cosine';
  readonly engine: 'onnx' | 'tfjs';
  readonly device: Exclude<DeviceRequest, 'wasm'>;
  readonly threads?: string;
  readonly augment?: string;
  readonly reportEvery?: string;
  readonly evaluateEvery?: string;
  readonly checkpointEvery?: string;
  readonly tracker?: string;
  readonly keepCheckpoints?: string;
  readonly keep?: 'last' | 'best';
  readonly earlyStop?: string;
  readonly minDelta?: string;
  readonly bestBy?: string;
}

/** `generatrix train FAMILY`: one subcommand for each family, with its options as flags. */
export function addTrain(program: Command): void {
  const parent = program.command('train').description('train a model and export it as a bundle');
  for (const family of families) {
    const command = parent.command(family.name).description(family.title);
    addDataFlags(command, defaultData);
    command.addOption(
      new Option('--preset <name>', `published settings: ${presetSummary(family)}`).choices(
        Object.keys(family.reproduce),
      ),
    );
    const { steps, batchSize, learningRate } = family.defaults;
    command
      .option('--out <folder>', `where the run goes, new or empty (default runs/${family.name})`)
      .option('--overwrite', 'replace a run that is in that folder; files of anyone else stay')
      .option('--seed <n>', 'seed of everything random', '1')
      .option('--steps <n>', `training steps (default ${steps})`)
      .option('--batch-size <n>', `examples a step (default ${batchSize})`)
      .option('--learning-rate <x>', `step size of the optimizer (default ${learningRate})`)
      .addOption(
        new Option(
          '--schedule <name>',
          'learning rate over the run: constant (unless a preset says otherwise), or half a cosine down to 0',
        ).choices(['constant', 'cosine']),
      )
      .addOption(
        new Option('--engine <name>', 'what runs the step').choices(['onnx', 'tfjs']).default('onnx'),
      )
      .addOption(
        new Option('--device <name>', 'device of the onnx engine')
          .choices(['auto', 'cpu', 'cuda', 'webgpu'])
          .default('auto'),
      )
      .option('--threads <n>', 'threads of the onnx engine on the CPU (default: one a core)')
      .option('--augment <list>', augmentSummary)
      .option('--report-every <n>', 'steps between lines of metrics (default: 1/200 of the steps)')
      .option(
        '--evaluate-every <n>',
        'steps between evaluations on validation data, with a sample grid (default: 1/10)',
      )
      .option('--checkpoint-every <n>', 'steps between checkpoints (default: 1/10)')
      .option('--keep-checkpoints <n>', 'how many of the newest checkpoints are kept (default 2)')
      .addOption(
        new Option(
          '--keep <which>',
          'best: keep the checkpoint that scores best on validation data too, and export it at the end (default: last)',
        ).choices(['last', 'best']),
      )
      .option('--early-stop <n>', 'stop after so many evaluations in a row without improvement')
      .option('--min-delta <x>', 'how much a validation score must rise to be an improvement (default 0)')
      .option('--best-by <metric>', 'what --keep best and --early-stop go by (default: the likelihood)')
      .option('--tracker <module>', trackerHelp);
    addSweepFlags(command);
    addFamilyFlags(command, family);
    command.action(async (flags: TrainFlags & SweepFlags) => {
      if (flags.sweep !== undefined) {
        await startSweep(family.name, command, flags);
        return;
      }
      if (flags.jobs !== undefined)
        throw new UserError('--jobs: it is of a sweep; add --sweep, or leave it out');
      await startRun(family, flags as TrainFlags & Record<string, unknown>);
    });
  }
}

const trackerHelp =
  'JavaScript module that is told metrics and samples, such as for MLflow (docs/tracking.md)';

/** What is trained on when neither a flag nor a preset names data. */
const defaultData = 'glyphs';

function presetSummary(family: Family): string {
  return Object.entries(family.reproduce)
    .map(([name, { summary }]) => `${name} (${summary})`)
    .join('; ');
}

interface ResumeFlags {
  readonly steps?: string;
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
    .option('--early-stop <n>', 'evaluations without improvement until it stops; 0 for no early stop')
    .option('--tracker <module>', trackerHelp)
    .action(async (folder: string, { steps, earlyStop, tracker }: ResumeFlags) => {
      const { earlyStop: before, ...settings } = (await readRun(folder)).settings;
      const patience = earlyStop === undefined ? before : wholeNumber('--early-stop')(earlyStop);
      const changed = {
        ...settings,
        ...(steps === undefined ? {} : { steps: wholeNumber('--steps', 1)(steps) }),
        ...(patience === undefined || patience === 0 ? {} : { earlyStop: patience }),
      };
      await runTraining(folder, changed, await watcherOf(tracker));
    });
}

async function startRun(family: Family, flags: TrainFlags & Record<string, unknown>): Promise<void> {
  const folder = flags.out ?? `runs/${family.name}`;
  const overwrite = flags.overwrite ?? false;
  if (!overwrite && (await hasRun(folder))) {
    throw new UserError(
      `${folder} already holds a run; go on with it by: generatrix resume ${folder}, replace it with --overwrite, or give another --out`,
    );
  }
  // Flags come before a preset, a preset before the family's defaults.
  const preset = flags.preset === undefined ? undefined : family.reproduce[flags.preset];
  const defaults = { ...family.defaults, ...preset?.training };
  const number = (value: string | undefined, flag: string, standard: number) =>
    value === undefined ? standard : wholeNumber(flag, 1)(value);
  const steps = number(flags.steps, '--steps', defaults.steps);
  const seed = wholeNumber('--seed')(flags.seed);
  const {
    split: _,
    seed: __,
    ...data
  } = dataRequest({ ...flags, data: flags.data ?? preset?.data ?? defaultData }, 'train');
  // A module that does not load is said before anything is written.
  const watcher = await watcherOf(flags.tracker);
  const settings: RunSettings = {
    family: family.name,
    options: { ...preset?.options, ...familyOptions(family, flags) },
    data,
    seed,
    steps,
    batchSize: number(flags.batchSize, '--batch-size', defaults.batchSize),
    learningRate:
      flags.learningRate === undefined
        ? defaults.learningRate
        : realNumber('--learning-rate')(flags.learningRate),
    schedule: flags.schedule ?? defaults.schedule ?? 'constant',
    engine: flags.engine,
    device: flags.device,
    ...(flags.augment === undefined ? {} : { augment: flags.augment }),
    ...(flags.threads === undefined ? {} : { threads: wholeNumber('--threads', 1)(flags.threads) }),
    reportEvery: number(flags.reportEvery, '--report-every', Math.max(1, Math.round(steps / 200))),
    evaluateEvery: number(flags.evaluateEvery, '--evaluate-every', Math.max(1, Math.round(steps / 10))),
    checkpointEvery: number(flags.checkpointEvery, '--checkpoint-every', Math.max(1, Math.round(steps / 10))),
    keepCheckpoints: number(flags.keepCheckpoints, '--keep-checkpoints', 2),
    keep: flags.keep ?? 'last',
    ...(flags.earlyStop === undefined ? {} : { earlyStop: wholeNumber('--early-stop', 1)(flags.earlyStop) }),
    minDelta: flags.minDelta === undefined ? 0 : realNumber('--min-delta')(flags.minDelta),
    ...(flags.bestBy === undefined ? {} : { bestBy: flags.bestBy }),
  };
  await runTraining(folder, settings, watcher, { overwrite });
}

function stateBytes(state: StateSpecs): number {
  return Object.values(state).reduce((total, { shape }) => total + 4 * sizeOf(shape), 0);
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
    return await trainIn(run, folder, settings, watcher, options.origin);
  } finally {
    await run.close();
  }
}

async function trainIn(
  run: OpenRun,
  folder: string,
  settings: RunSettings,
  watcher: Watcher,
  origin?: 'tour',
): Promise<TrainResult> {
  const family = familyNamed(settings.family);
  const dataset = await loadDataset(runData(settings, 'train'));
  const validation = await loadDataset(runData(settings, 'validation'));
  // Refused before anything is written.
  augmentation(settings.augment, dataset.spec, settings.seed);
  const frequencies = classFrequencies(dataset);
  const data = {
    spec: dataset.spec,
    classNames: dataset.classNames,
    ...(frequencies === undefined ? {} : { classFrequencies: frequencies }),
  };
  const { model, options } = buildModel(family, settings.options, data);
  const settled = { ...settings, options };
  // The checkpoints, the one that is being written, and the bundle.
  await checkSpace(
    folder,
    (settings.keepCheckpoints + 2) * stateBytes(model.state),
    'checkpoints and the bundle take',
  );
  await run.begin();
  await writeRun(folder, { settings: settled, data, ...(origin === undefined ? {} : { origin }) });
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
