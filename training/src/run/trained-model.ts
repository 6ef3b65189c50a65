import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BundleFiles } from '@generatrix/export';
import { UserError } from '@generatrix/runtime/core';
import type { DataDescription, HostState, Model } from '../families/family.ts';
import { buildModel, familyNamed } from '../families/registry.ts';
import { replaceFolderAtomic } from './atomic.ts';
import { loadLatestCheckpoint, stateFitting } from './checkpoint.ts';
import { readRun } from './run-folder.ts';
import type { RunSettings } from './settings.ts';
import { checkpointFolder } from './train.ts';

/** A run's model at its latest checkpoint. */
export interface TrainedModel {
  readonly settings: RunSettings;
  readonly data: DataDescription;
  readonly model: Model;
  /** The family's options, defaults filled in. */
  readonly options: Record<string, unknown>;
  readonly state: HostState;
  /** Steps done. */
  readonly step: number;
}

/** Reads a run. @throws UserError when it is none, has no checkpoint yet, or one that its settings do not fit. */
export async function loadTrained(run: string): Promise<TrainedModel> {
  const { settings, data } = await readRun(run);
  const checkpoint = await loadLatestCheckpoint(checkpointFolder(run));
  if (checkpoint === null) {
    throw new UserError(`${run}: no checkpoint to export yet; go on with: generatrix resume ${run}`);
  }
  const { model, options } = buildModel(familyNamed(settings.family), settings.options, data);
  const state = stateFitting(checkpoint, model.state);
  return { settings, data, model, options, state, step: checkpoint.meta.step };
}

/** Writes files by their paths into a folder, which appears whole or not at all; an existing one is replaced. */
export async function writeFolder(out: string, files: BundleFiles): Promise<void> {
  await mkdir(dirname(out), { recursive: true });
  await replaceFolderAtomic(out, async (folder) => {
    for (const [path, bytes] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
  });
}
