import { availableParallelism } from 'node:os';
import { type DeviceRequest, UserError } from '@generatrix/runtime/core';
import {
  type Family,
  optionsOfOptimizers,
  pluginOf,
  type RunConfig,
  scheduleShape,
  settleTraining,
  trainingOptionsShape,
  withoutTraining,
} from '@generatrix/training';
import { augmentSummary } from '@generatrix/training/data';
import type { RunSettingsInput } from '@generatrix/training/record';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import {
  addDataFlags,
  addDatasetOptionFlags,
  addOptionFlags,
  dataRequest,
  optionsGiven,
  realNumber,
  wholeNumber,
} from './flags.ts';
import { currentProject } from './plugins.ts';

/** Flags of `train`, besides those of the family and of the data. */
export interface TrainFlags {
  readonly config?: string;
  readonly data?: string;
  readonly preset?: string;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly dryRun?: boolean;
  readonly seed?: string;
  readonly steps?: string;
  readonly batchSize?: string;
  readonly learningRate?: string;
  readonly engine?: 'onnx' | 'tfjs';
  readonly device?: Exclude<DeviceRequest, 'wasm'>;
  readonly threads?: string;
  readonly augment?: string;
  readonly reportEvery?: string;
  readonly evaluateEvery?: string;
  readonly checkpointEvery?: string;
  readonly keepCheckpoints?: string;
  readonly keep?: 'last' | 'best';
  readonly earlyStop?: string;
  readonly minDelta?: string;
  readonly bestBy?: string;
  readonly initFrom?: string;
  readonly tracker?: string;
}

export const trackerHelp =
  'JavaScript module that is told metrics and samples, such as for MLflow (docs/tracking.md)';

/** Reads `--learning-rate`; the compiled step takes it as a float32. */
export const learningRate = realNumber('--learning-rate', { least: 0, most: 3.4e38 });

/** How a step follows its gradients, and how its rate goes over the run: what every family has. */
const trainingSchema = z.strictObject({ ...trainingOptionsShape, ...scheduleShape });

/** More threads than this make no run faster; thousands never end. */
const mostThreads = 4 * availableParallelism();

/** What is trained on when neither a flag, a preset nor a file names data. */
const defaultData = 'glyphs';

/** Adds all flags of `train FAMILY`. */
export function addTrainFlags(command: Command, family: Family): void {
  addDataFlags(command, defaultData);
  const presets = new Option('--preset <name>', `published settings: ${presetSummary(family)}`);
  const names = Object.keys(family.reproduce);
  command.addOption(
    names.length > 0
      ? presets.choices(names)
      : presets.argParser(() => {
          throw new InvalidArgumentError(`Family ${family.name} has no presets; leave it out.`);
        }),
  );
  const { steps, batchSize, learningRate: rate } = family.defaults;
  command
    .option(
      '--config <file>',
      "settings from .json, .js, .mjs, .ts or .mts, such as a run's run.json; flags and a preset go before them",
    )
    .option('--out <folder>', `where the run goes, new or empty (default runs/${family.name})`)
    .option('--overwrite', 'replace a run that is in that folder; files of anyone else stay')
    .option('--dry-run', 'say what the run would take, in parameters, memory and time, and write nothing')
    .option('--seed <n>', 'seed of everything random (default 1)')
    .option('--steps <n>', `training steps (default ${steps})`)
    .option('--batch-size <n>', `examples a step (default ${batchSize})`)
    .option('--learning-rate <x>', `step size of the optimizer (default ${rate})`)
    .addOption(new Option('--engine <name>', 'what runs the step (default onnx)').choices(['onnx', 'tfjs']))
    .addOption(
      new Option('--device <name>', 'device of the onnx engine (default auto)').choices([
        ...['auto', 'cpu', 'cuda', 'webgpu'],
      ]),
    )
    .option('--threads <n>', 'threads of the onnx engine on the CPU (default: one a core)')
    .option(
      '--init-from <run>',
      "start with a run's weights, by their names and shapes; the optimizer starts anew",
    )
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
  addOptionFlags(command, trainingSchema, { ...settleTraining(family.defaults, {}), ...family.defaults });
  // What --ema was called while some families alone had it.
  command.addOption(new Option('--averaging <value>').hideHelp());
  addOptionFlags(command, family.options, {}, `family ${family.name}`);
  addDatasetOptionFlags(command);
}

function presetSummary(family: Family): string {
  const presets = Object.entries(family.reproduce).map(([name, { summary }]) => `${name} (${summary})`);
  return presets.length > 0 ? presets.join('; ') : `${family.name} has none`;
}

/**
 * Settings of a run: flags go before a preset, a preset before a file, a file before the family's defaults.
 * @throws UserError when a flag cannot be read, or the file is of another family.
 */
export function trainSettings(
  family: Family,
  flags: TrainFlags & Readonly<Record<string, unknown>>,
  given: RunConfig = { family: family.name },
): RunSettingsInput {
  const config: RunConfig = { ...currentProject()?.defaults, ...given };
  if (config.family !== family.name) {
    throw new UserError(
      `--config ${flags.config}: it is for family ${config.family}, not ${family.name}; leave the family out: ` +
        `generatrix train --config ${flags.config}`,
    );
  }
  const preset = flags.preset === undefined ? undefined : family.reproduce[flags.preset];
  const defaults = { ...family.defaults, ...config, ...preset?.training };
  const own = withoutTraining(config.options ?? {}, family.options.shape);
  const whole = (value: string | undefined, flag: string, standard: number) =>
    value === undefined ? standard : wholeNumber(flag, 1)(value);
  const steps = whole(flags.steps, '--steps', defaults.steps);
  const part = (count: number) => Math.max(1, Math.round(steps / count));
  const optional = {
    augment: flags.augment ?? config.augment,
    threads:
      flags.threads === undefined ? config.threads : wholeNumber('--threads', 1, mostThreads)(flags.threads),
    earlyStop:
      flags.earlyStop === undefined ? config.earlyStop : wholeNumber('--early-stop', 1)(flags.earlyStop),
    bestBy: flags.bestBy ?? config.bestBy,
    initFrom: flags.initFrom ?? config.initFrom,
  };
  const plugin = pluginOf(family.name);
  return {
    family: family.name,
    ...(plugin && { plugin }),
    options: { ...own.options, ...preset?.options, ...optionsGiven(family.options, flags) },
    data: dataSettings(flags, preset?.data, config.data),
    seed: flags.seed === undefined ? (config.seed ?? 1) : wholeNumber('--seed')(flags.seed),
    steps,
    batchSize: whole(flags.batchSize, '--batch-size', defaults.batchSize),
    learningRate: flags.learningRate === undefined ? defaults.learningRate : learningRate(flags.learningRate),
    schedule: defaults.schedule ?? 'constant',
    ...trainingGiven({ ...own.training, ...config, ...preset?.training }, flags),
    engine: flags.engine ?? config.engine ?? 'onnx',
    device: flags.device ?? config.device ?? 'auto',
    reportEvery: whole(flags.reportEvery, '--report-every', config.reportEvery ?? part(200)),
    evaluateEvery: whole(flags.evaluateEvery, '--evaluate-every', config.evaluateEvery ?? part(10)),
    checkpointEvery: whole(flags.checkpointEvery, '--checkpoint-every', config.checkpointEvery ?? part(10)),
    keepCheckpoints: whole(flags.keepCheckpoints, '--keep-checkpoints', config.keepCheckpoints ?? 2),
    keep: flags.keep ?? config.keep ?? 'last',
    minDelta:
      flags.minDelta === undefined
        ? (config.minDelta ?? 0)
        : realNumber('--min-delta', { least: 0 })(flags.minDelta),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

/** Options of training as a file or a preset has them and as flags change them; the rest is the family's to say. */
function trainingGiven(
  before: Readonly<Record<string, unknown>>,
  { averaging, ...flags }: Readonly<Record<string, unknown>>,
): Partial<RunSettingsInput> {
  const given = optionsGiven(trainingSchema, averaging === undefined ? flags : { ema: averaging, ...flags });
  const known = Object.keys(trainingSchema.shape).filter((name) => before[name] !== undefined);
  // Another optimizer than the file's has other options.
  const kept =
    given.optimizer === undefined
      ? known
      : known.filter((name) => !optionsOfOptimizers.some((option) => option === name));
  return { ...Object.fromEntries(kept.map((name) => [name, before[name]])), ...given };
}

/** Data that is named anew brings none of the file's settings of other data along. */
function dataSettings(
  flags: TrainFlags & Readonly<Record<string, unknown>>,
  ofPreset: string | undefined,
  ofConfig: RunConfig['data'],
): RunSettingsInput['data'] {
  const name = flags.data ?? ofPreset ?? ofConfig?.name ?? defaultData;
  const { split: _, seed: __, ...given } = dataRequest({ ...flags, data: name }, 'train');
  return ofConfig?.name === name ? { ...ofConfig, ...given } : { ...given };
}
