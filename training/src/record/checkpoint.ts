import { createHash } from 'node:crypto';
import { access, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeSafetensors, UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import { writeFileAtomic } from '../files/atomic.ts';
import { readSafetensors } from '../files/safetensors-file.ts';
import { removeAbandoned } from '../files/siblings.ts';
import type { HostState, StateSpecs } from '../model/state.ts';

const metaSchema = z.object({
  /** Steps done when the state was taken. */
  step: z.number().int().min(0),
  seed: z.number().int().min(0),
  /** What it was chosen by, where it is the best of its run. */
  score: z.object({ metric: z.string(), value: z.number() }).optional(),
});
export type CheckpointMeta = z.infer<typeof metaSchema>;

export interface Checkpoint {
  readonly state: HostState;
  readonly meta: CheckpointMeta;
}

export interface LoadedCheckpoint extends Checkpoint {
  readonly path: string;
}

const fileName = /^step-(\d{7,16})\.safetensors$/;

/** Where a run keeps its checkpoints. */
export function checkpointFolder(run: string): string {
  return join(run, 'checkpoints');
}

/** The file of the checkpoint after so many steps. */
export const stepFile = (step: number): string => `step-${String(step).padStart(7, '0')}.safetensors`;

/**
 * Saves `step-0001000.safetensors` into the folder, created where missing, and deletes all but the newest
 * `keep` checkpoints. A hash of names, shapes and values is kept in the file's metadata, as safetensors itself
 * would not notice a changed byte.
 * @returns the file's path
 * @throws UserError when the file cannot be written; the older checkpoints then remain.
 */
export async function saveCheckpoint(
  folder: string,
  { state, meta }: { readonly state: Readonly<HostState>; readonly meta: CheckpointMeta },
  options: { readonly keep?: number } = {},
): Promise<string> {
  const { keep = 2 } = options;
  await mkdir(folder, { recursive: true });
  const path = join(folder, stepFile(meta.step));
  await writeCheckpoint(path, { state, meta });
  const files = await checkpointFiles(folder);
  // Later steps than the one just saved are of a run that was started anew: they must not win on resume.
  const kept = files.filter(({ step }) => step <= meta.step).slice(0, Math.max(1, keep));
  for (const file of files) {
    if (!kept.includes(file)) await rm(join(folder, file.name), { force: true });
  }
  await removeAbandoned(folder);
  return path;
}

/** The file of the checkpoint that is kept as the best, whatever its age. */
export const bestFile = 'best.safetensors';

/** Writes one checkpoint. @throws UserError when the file cannot be written; one that was there then remains. */
export async function writeCheckpoint(
  path: string,
  { state, meta }: { readonly state: Readonly<HostState>; readonly meta: CheckpointMeta },
): Promise<void> {
  const metadata = { format: 'generatrix-checkpoint', meta: JSON.stringify(meta), sha256: hashOf(state) };
  await writeFileAtomic(path, encodeSafetensors(state, metadata));
}

/** Steps that a folder holds checkpoints of, oldest first, and whether it holds one that is kept as the best. */
export async function checkpointSteps(folder: string): Promise<{ steps: number[]; best: boolean }> {
  const files = await checkpointFiles(folder);
  const best = await access(join(folder, bestFile)).then(
    () => true,
    () => false,
  );
  return { steps: files.map(({ step }) => step).reverse(), best };
}

/**
 * The newest checkpoint that is whole. One that is cut short or changed is passed over with a warning.
 * @param options.warn takes a warning line; standard error when absent
 * @returns null when the folder is missing or holds no checkpoint
 * @throws UserError when there are checkpoints and none is whole.
 */
export async function loadLatestCheckpoint(
  folder: string,
  options: { readonly warn?: (line: string) => void } = {},
): Promise<LoadedCheckpoint | null> {
  const { warn = console.warn } = options;
  const files = await checkpointFiles(folder);
  for (const { name, step } of files) {
    const path = join(folder, name);
    try {
      const { state, meta } = await readCheckpoint(path);
      if (meta.step === step) return { state, meta, path };
      throw new UserError(`${path}: expected the state of step ${step}, found that of ${meta.step}`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      warn(`warning: checkpoint passed over: ${error.message}`);
    }
  }
  if (files.length === 0) return null;
  throw new UserError(
    `${folder}: expected a whole checkpoint, found ${files.length} damaged; ` +
      'delete the folder to start from step 0',
  );
}

/**
 * The state of a checkpoint of this model.
 * @param specs what the model's settings say its state is
 * @param retired names that earlier releases had: they are passed over
 * @throws UserError when names or shapes are others: the settings were changed since, or the family was.
 */
export function stateFitting(
  { path, state: found }: LoadedCheckpoint,
  specs: StateSpecs,
  retired: readonly string[] = [],
): HostState {
  const state =
    retired.length === 0
      ? found
      : Object.fromEntries(Object.entries(found).filter(([name]) => !retired.includes(name)));
  const shapeOf = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  const complaint = (what: string) =>
    new UserError(
      `${path}: ${what}; the run's settings in run.json, or the family in this version, are not those it was ` +
        'saved with: give the settings back, or train anew into another folder',
    );
  for (const [name, { shape }] of Object.entries(specs)) {
    const found = state[name];
    if (found === undefined) throw complaint(`expected ${name} ${shapeOf(shape)}, found none`);
    if (shapeOf(found.shape) !== shapeOf(shape)) {
      throw complaint(`expected ${name} of shape ${shapeOf(shape)}, found ${shapeOf(found.shape)}`);
    }
  }
  const unknown = Object.keys(state).find((name) => specs[name] === undefined);
  if (unknown !== undefined) throw complaint(`found ${unknown}, which the model does not have`);
  return state;
}

/** Reads one checkpoint. @throws UserError naming the file when it is no checkpoint, cut short or changed. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path);
  const meta = metaSchema.safeParse(jsonOrNull(metadata.meta));
  if (!meta.success) {
    throw new UserError(`${path}: expected a checkpoint of a training run, found no step and seed in it`);
  }
  if (hashOf(tensors) !== metadata.sha256) {
    throw new UserError(`${path}: expected the values that were saved, found others; the file is damaged`);
  }
  return { state: tensors, meta: meta.data };
}

async function checkpointFiles(folder: string): Promise<{ name: string; step: number }[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  const files = names.flatMap((name) => {
    const match = fileName.exec(name);
    return match ? [{ name, step: Number(match[1]) }] : [];
  });
  return files.sort((a, b) => b.step - a.step);
}

function hashOf(state: Readonly<HostState>): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(state).sort()) {
    const { dtype, shape, data } = state[name]!;
    hash.update(JSON.stringify([name, dtype, shape])).update(data);
  }
  return hash.digest('hex');
}

function jsonOrNull(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return null;
  }
}
