import { join, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import {
  addFamily,
  bundleFolder,
  checkConfig,
  checkShape,
  type Family,
  familyNamed,
  familyOf,
  isModulePath,
  loadFamily,
  type Output,
  pluginOf,
  type RunConfig,
  runTraining,
  type Tracker,
  type TrainResult,
} from '@generatrix/training';
import { addDataset, type DatasetPlugin, datasetNames, loadDatasetPlugin } from '@generatrix/training/data';
import { hasRun, type RunSettingsInput, readRun } from '@generatrix/training/record';
import { trainSettings } from '../train-settings.ts';

/** What happens in a run, told as it happens. What a function throws ends the run, after its last checkpoint. */
export interface TrainEvents {
  /** After each step, with its metrics; `loss` is always among them. */
  readonly step?: (event: {
    readonly step: number;
    readonly metrics: Readonly<Record<string, number>>;
  }) => void;
  /** A picture (`.png`) or sound (`.wav`) of samples was written. */
  readonly samples?: (event: { readonly step: number; readonly path: string }) => void;
  /** A checkpoint was written. */
  readonly checkpoint?: (event: { readonly step: number; readonly path: string }) => void;
}

interface Watched {
  readonly on?: TrainEvents;
  /** Stops the run after the step in progress; what was done is saved, and `resume` goes on. */
  readonly signal?: AbortSignal;
  readonly tracker?: Tracker;
  /** Takes the lines that the command would print; they are dropped when absent. */
  readonly output?: Output;
}

/** A data set by name, by the path of its module, or as `defineDataset` made it. */
type Data = string | DatasetPlugin;

/** What `train` trains, as the flags of `generatrix train` say it; what is left out has the family's default. */
export interface TrainOptions extends Partial<Omit<RunSettingsInput, 'family' | 'plugin' | 'data'>>, Watched {
  /** A name, the path of a module, or a family as `defineFamily` made it. */
  readonly family: string | Family;
  /** With its settings (`dir`, `size`, ...) where it is an object with a `name`; `glyphs` when absent. */
  readonly data?: Data | (Readonly<Record<string, unknown>> & { readonly name: Data });
  /** Published settings of the family; options that are given go before them. */
  readonly preset?: string;
  /** Folder of the run; `runs/FAMILY` when absent. */
  readonly out?: string;
  /** Replaces a run that is in the folder. */
  readonly overwrite?: boolean;
}

/** A run as it was left. */
export interface TrainedRun extends Omit<TrainResult, 'state' | 'engine' | 'dataWait'> {
  /** Of the run; `resume`, `evaluate` and `exportBundle` take it. */
  readonly folder: string;
  /** Folder of the bundle; null where the run was stopped before its end. */
  readonly bundle: string | null;
  /** Path of the report; null where the run was stopped before its end. */
  readonly report: string | null;
}

/**
 * Trains a model and exports it, as `generatrix train` does.
 * @throws UserError when an option is unknown or out of range, the data does not fit, training diverges, or the folder
 * holds a run already.
 */
export async function train(options: TrainOptions): Promise<TrainedRun> {
  const {
    family: given,
    data,
    preset: presetName,
    out,
    overwrite = false,
    on,
    signal,
    tracker,
    output,
    ...rest
  } = options;
  const family = await settledFamily(given);
  const preset = presetName === undefined ? undefined : family.reproduce[presetName];
  if (presetName !== undefined && preset === undefined) {
    const names = Object.keys(family.reproduce).join(', ') || 'none';
    throw new UserError(`preset: ${family.name} has no '${presetName}', expected one of ${names}`);
  }
  const folder = out ?? `runs/${family.name}`;
  if (!overwrite && (await hasRun(folder))) {
    throw new UserError(
      `${folder} already holds a run; go on with it by resume(), set overwrite, or give another out`,
    );
  }
  const settled = await settledData(data ?? preset?.data);
  const config = checkConfig(
    {
      ...preset?.training,
      ...rest,
      options: { ...preset?.options, ...rest.options },
      ...(settled && { data: settled }),
      family: family.name,
    },
    'train()',
  );
  const settings = trainSettings(family, {}, config);
  const result = await runTraining(folder, settings, watcherOf({ on, signal, tracker, output }), {
    overwrite,
    asked: Object.keys(rest.options ?? {}),
  });
  return trained(folder, result);
}

/** What of a run may change when it goes on. */
export interface ResumeOptions
  extends Watched,
    Pick<Partial<RunSettingsInput>, 'steps' | 'learningRate' | 'earlyStop'> {
  /** The family, where the run does not record its module, or another one is to define it from here on. */
  readonly family?: string | Family;
  /** Where the data lies now, when it was moved. */
  readonly dataDir?: string;
}

/**
 * Goes on with a run from its latest checkpoint, as `generatrix resume` does.
 * @throws UserError when there is no run, its family or its data is not what it was, or training diverges.
 */
export async function resume(folder: string, options: ResumeOptions = {}): Promise<TrainedRun> {
  const { family, dataDir, on, signal, tracker, output, ...changed } = options;
  const { plugin, ...before } = (await readRun(folder)).settings;
  const own = family === undefined ? plugin : await pluginFor(before.family, family);
  const data = dataDir === undefined ? before.data : { ...before.data, dir: dataDir };
  const settings = { ...before, ...changed, data, ...(own && { plugin: own }) };
  await familyOf(settings);
  return trained(folder, await runTraining(folder, settings, watcherOf({ on, signal, tracker, output })));
}

async function pluginFor(name: string, given: string | Family): Promise<ReturnType<typeof pluginOf>> {
  const family = await settledFamily(given);
  if (family.name === name) return pluginOf(name);
  throw new UserError(`resume(): the run is of family '${name}', not of '${family.name}'`);
}

/** The family, known by its name from here on. */
async function settledFamily(family: string | Family): Promise<Family> {
  if (typeof family === 'string') return isModulePath(family) ? loadFamily(family) : familyNamed(family);
  addFamily(checkShape(family, 'family'));
  return family;
}

/** The data set, known by its name from here on, with its settings. */
async function settledData(data: TrainOptions['data']): Promise<RunConfig['data'] | undefined> {
  if (data === undefined) return undefined;
  if (typeof data === 'string') {
    if (!isModulePath(data)) return { name: data };
    return { name: (await loadDatasetPlugin(resolve(data), datasetNames)).name, plugin: resolve(data) };
  }
  if ('load' in data) {
    addDataset(data as DatasetPlugin, datasetNames);
    return { name: data.name as string };
  }
  return { ...data, ...(await settledData(data.name)!) } as RunConfig['data'];
}

function watcherOf({
  on = {},
  signal,
  tracker,
  output,
}: { [Name in keyof Watched]: Watched[Name] | undefined }) {
  const { step, samples, checkpoint } = on;
  return {
    ...(step && {
      onStep: (at: number, metrics: Readonly<Record<string, number>>) => step({ step: at, metrics }),
    }),
    ...(samples && { onSamples: (at: number, path: string) => samples({ step: at, path }) }),
    ...(checkpoint && { onCheckpoint: (at: number, path: string) => checkpoint({ step: at, path }) }),
    ...(signal && { signal }),
    ...(tracker && { tracker }),
    ...(output && { output }),
  };
}

function trained(
  folder: string,
  { step, finished, stoppedEarly, seconds, heldOut }: TrainResult,
): TrainedRun {
  const ends = finished
    ? { bundle: bundleFolder(folder), report: join(folder, 'report.html') }
    : { bundle: null, report: null };
  return { folder, ...ends, step, finished, stoppedEarly, seconds, heldOut };
}
