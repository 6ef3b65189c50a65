import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { systemCode, systemError } from '../errors/system-error.ts';
import { checkWritable, makeFolder } from '../files/atomic.ts';
import { takeLock } from '../files/lock.ts';
import { checkReplaceable, entriesOf } from '../files/owned-folder.ts';
import { clearSiblings, isSibling, removeAbandoned } from '../files/siblings.ts';
import { hasRun, readRun } from './run-folder.ts';

/** Files of a run besides its bundle, by their paths in its folder: these, and no others, are a run's to delete. */
const runFiles = [
  /^run(-time)?\.json$/,
  /^metrics\.(jsonl|csv)$/,
  /^report\.html$/,
  /^checkpoints\/(step-\d{7,16}\.safetensors|best\.(safetensors|json))$/,
  /^samples\/step-\d{7,16}\.(png|wav)$/,
  /^tensorboard\/events\.out\.tfevents\.[^/]*\.generatrix$/,
  /^samples\.png$/,
];
const lockFile = /^run\.lock(\..*)?$/;
const bundle = 'bundle';

/** A run's folder while a process writes to it. */
export interface OpenRun {
  /** To be called before the first file is written: takes the files of the run that is replaced away. */
  begin(): Promise<void>;
  /** Lets go of the folder. A run of this process that left nothing to go on from is gone then. */
  close(): Promise<void>;
}

/**
 * Makes a folder ready for a run, creating it where missing, and keeps other processes from writing to it. A folder
 * that holds a run is gone on with, or, with `overwrite`, used anew: the run's files go, those of anyone else stay.
 * @throws UserError when the folder holds files and no run, when another process writes to it, when its bundle holds
 *   files that no export wrote, or when the system refuses.
 */
export async function openRun(
  folder: string,
  { overwrite = false }: { readonly overwrite?: boolean } = {},
): Promise<OpenRun> {
  const resumed = await hasRun(folder);
  // A run.json of another program is no run.
  if (resumed) await readRun(folder);
  else await refuseForeign(folder);
  await checkReplaceable(join(folder, bundle), { overwrite: true });
  const created = await makeFolder(folder);
  let release = async () => {
    if (created !== null) await removeEmpty(resolve(folder), created);
  };
  try {
    const lock = await takeLock(join(folder, 'run.lock'), folder);
    const removeCreated = release;
    release = async () => {
      await lock.release();
      await removeCreated();
    };
    await checkWritable(folder);
    await clearSiblings(resolve(folder, bundle));
    for (const part of ['', 'checkpoints', 'samples']) await removeAbandoned(join(folder, part));
  } catch (error) {
    await release();
    throw error;
  }
  let begun = false;
  return {
    begin: async () => {
      if (resumed && overwrite) await removeRun(folder);
      begun = true;
    },
    close: async () => {
      if (begun && !(resumed && !overwrite) && !(await hasCourse(folder))) await removeRun(folder, true);
      await release();
    },
  };
}

/** A new run needs a folder that is new or empty: nothing of the user's is mixed with it. */
async function refuseForeign(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw systemError(folder, 'expected a folder or nothing there', error);
  });
  const others = names.filter((name) => !lockFile.test(name) && !isSibling(name) && name !== '.DS_Store');
  if (others.length === 0) return;
  throw new UserError(
    `${folder}: expected a new or empty folder for the run, found ${others[0]}` +
      `${others.length > 1 ? ` and ${others.length - 1} more` : ''}, and no run; choose another --out`,
  );
}

/** Deletes a run's own files and what folders are empty then; `run.json` last, or, for a new run, not at all. */
async function removeRun(folder: string, whole = false): Promise<void> {
  await rm(join(folder, bundle), { recursive: true, force: true });
  const own = (await entriesOf(folder)).filter((path) => runFiles.some((pattern) => pattern.test(path)));
  for (const path of own) if (path !== 'run.json') await rm(join(folder, path), { force: true });
  for (const part of ['checkpoints', 'samples', 'tensorboard'])
    await rmdir(join(folder, part)).catch(() => null);
  if (whole) await rm(join(folder, 'run.json'), { force: true });
}

/** Did the run get anywhere: is there a checkpoint to go on from, or a line of metrics to look at? */
async function hasCourse(folder: string): Promise<boolean> {
  const checkpoints = await readdir(join(folder, 'checkpoints')).catch(() => []);
  const metrics = await lstat(join(folder, 'metrics.jsonl')).catch(() => null);
  return checkpoints.some((name) => name.endsWith('.safetensors')) || (metrics?.size ?? 0) > 0;
}

/** Removes a folder and those around it, up to `last`, as far as they are empty. */
async function removeEmpty(folder: string, last: string): Promise<void> {
  for (let path = folder; ; path = dirname(path)) {
    const removed = await rmdir(path).then(
      () => true,
      () => false,
    );
    if (!removed || path === last || path === dirname(path)) return;
  }
}
