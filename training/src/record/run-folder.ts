import { lstat, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import {
  type DatasetRequest,
  type Fingerprint,
  readsImageFiles,
  type Split,
  type SplitRule,
} from '../data/index.ts';
import { systemCode, systemError } from '../errors/system-error.ts';
import { writeFileAtomic } from '../files/atomic.ts';
import type { DataDescription } from '../model/family.ts';
import { withPluginPaths } from '../plugin/plugin-paths.ts';
import { parseSettings, type RunSettings } from './settings.ts';

const fileName = 'run.json';

/** What each part that a run uses is recognised by. */
export type Fingerprints = Readonly<Record<'train' | 'validation', Fingerprint>>;

/** What a run's folder says of it: enough to resume, export or report without the flags it was started with. */
export interface RunRecord {
  readonly settings: RunSettings;
  /** Shape and classes of the data, so that the model can be built without loading it. */
  readonly data: DataDescription;
  /** What the parts of the data were when the run began; absent in runs of earlier releases. */
  readonly fingerprints?: Fingerprints;
  /** What began it, where that was no `train`; gone when someone goes on with the run. */
  readonly origin?: 'tour';
}

/** Is there a run in this folder, readable or not? */
export async function hasRun(folder: string): Promise<boolean> {
  return lstat(join(folder, fileName)).then(
    () => true,
    () => false,
  );
}

/** Writes `run.json`, with the rule that its data is split by. */
export async function writeRun(folder: string, { settings, ...record }: RunRecord): Promise<void> {
  const portable = withPluginPaths(settings, (path) => relative(folder, path).replaceAll('\\', '/'));
  const recorded = { settings: withSplitRule(portable, 'hash'), ...record };
  await writeFileAtomic(join(folder, fileName), `${JSON.stringify(recorded, null, 2)}\n`);
}

function withSplitRule(settings: RunSettings, rule: SplitRule): RunSettings {
  return { ...settings, data: { splitRule: rule, ...settings.data } };
}

/** Images that were made alike by what the first of them was stay so, whatever files are added. */
function withLayout(settings: RunSettings, { spec }: Partial<DataDescription>): RunSettings {
  if (spec?.kind !== 'image' || !readsImageFiles(settings.data.name)) return settings;
  const [height, width, channels] = spec.shape;
  return { ...settings, data: { imageSize: [height, width], channels, ...settings.data } };
}

/** Reads `run.json`; one that records no rule was split by permutation. @throws UserError when there is none or it is broken. */
export async function readRun(folder: string): Promise<RunRecord> {
  const path = join(folder, fileName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw systemError(path, 'expected to read it', error);
    throw new UserError(
      `${folder}: no training run here (expected ${fileName}); start one with: generatrix train`,
    );
  }
  let record: { settings?: unknown; data?: DataDescription; origin?: unknown; fingerprints?: Fingerprints };
  try {
    record = JSON.parse(text) as typeof record;
  } catch {
    throw new UserError(`${path}: not valid JSON; the run cannot be continued`);
  }
  if (record.data === undefined) throw new UserError(`${path}: 'data' is missing`);
  const settings = withPluginPaths(parseSettings(record.settings, path), (file) => resolve(folder, file));
  return {
    settings: withLayout(withSplitRule(settings, 'permutation'), record.data),
    data: record.data,
    ...(record.fingerprints === undefined ? {} : { fingerprints: record.fingerprints }),
    ...(record.origin === 'tour' ? { origin: 'tour' } : {}),
  };
}

/** The request that loads a split of the data that a run was trained on. */
export function runData({ data, seed }: RunSettings, split: Split): DatasetRequest {
  return { seed, ...data, split } as DatasetRequest;
}
