import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BundleFiles } from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import { checkWritable, makeFolder, replaceFolderAtomic } from '../files/atomic.ts';
import { checkReplaceable, type ReplaceOptions } from '../files/owned-folder.ts';
import type { DataDescription } from '../model/family.ts';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';
import { type CheckpointChoice, loadChosen } from '../record/best-checkpoint.ts';
import {
  type CheckpointMeta,
  checkpointFolder,
  checkpointSteps,
  stateFitting,
} from '../record/checkpoint.ts';
import { readRun } from '../record/run-folder.ts';
import { runModel } from '../record/run-model.ts';
import type { RunSettings } from '../record/settings.ts';

/** A run's model at one of its checkpoints. */
export interface TrainedModel {
  readonly settings: RunSettings;
  readonly data: DataDescription;
  readonly model: Model;
  /** The family's options, defaults filled in. */
  readonly options: Record<string, unknown>;
  readonly state: HostState;
  /** Steps done. */
  readonly step: number;
  /** Which checkpoint it is, as it was asked for. */
  readonly checkpoint: CheckpointChoice;
  /** What chose it, where it is the best of the run. */
  readonly score: CheckpointMeta['score'];
}

/**
 * Reads a run.
 * @param choice which checkpoint; when absent the best of a run that was trained with `--keep best`, else the last
 * @throws UserError when it is none, has no such checkpoint, or one that its settings do not fit.
 */
export async function loadTrained(run: string, choice?: CheckpointChoice): Promise<TrainedModel> {
  const { settings, data } = await readRun(run);
  const folder = checkpointFolder(run);
  const checkpoint = choice ?? (await usualChoice(folder, settings));
  const loaded = await loadChosen(folder, checkpoint);
  if (loaded === null) {
    throw new UserError(`${run}: no checkpoint to export yet; go on with: generatrix resume ${run}`);
  }
  const { model, options } = await runModel(settings, data);
  const { step, score } = loaded.meta;
  return {
    settings,
    data,
    model,
    options,
    state: stateFitting(loaded, model.state, model.retired),
    step,
    checkpoint,
    score,
  };
}

async function usualChoice(folder: string, { keep }: RunSettings): Promise<CheckpointChoice> {
  return keep === 'best' && (await checkpointSteps(folder)).best ? 'best' : 'last';
}

/**
 * Finds out, before any work is done, whether an export can go to a folder; creates the folder around it.
 * @throws UserError when it may not be replaced or cannot be written.
 */
export async function checkExportFolder(out: string, options: ReplaceOptions): Promise<void> {
  await checkReplaceable(out, options);
  const around = dirname(resolve(out));
  await makeFolder(around);
  await checkWritable(around, out);
}

/**
 * Writes files by their paths into a folder, which appears whole or not at all.
 * @throws UserError when what stands there may not be replaced, or the system refuses.
 */
export async function writeFolder(out: string, files: BundleFiles, options: ReplaceOptions): Promise<void> {
  await makeFolder(dirname(resolve(out)));
  await replaceFolderAtomic(
    out,
    async (folder) => {
      for (const [path, bytes] of Object.entries(files)) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), bytes);
      }
    },
    options,
  );
}
