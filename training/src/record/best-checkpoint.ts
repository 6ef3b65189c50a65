import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { writeFileAtomic } from '../files/atomic.ts';
import {
  bestFile,
  type Checkpoint,
  checkpointSteps,
  type LoadedCheckpoint,
  loadLatestCheckpoint,
  readCheckpoint,
  stepFile,
  writeCheckpoint,
} from './checkpoint.ts';

const recordName = 'best.json';

/** Which of a run's checkpoints: the newest, the one that scored best on validation data, or the one after so many steps. */
export type CheckpointChoice = 'last' | 'best' | number;

/**
 * Keeps a checkpoint as the best of the run, beside those that are kept by age, and says so in `best.json`.
 * @throws UserError when a file cannot be written; the best before then remains.
 */
export async function saveBest(
  folder: string,
  { state, meta }: Checkpoint,
  score: { readonly metric: string; readonly value: number },
): Promise<void> {
  await writeCheckpoint(join(folder, bestFile), { state, meta: { ...meta, score } });
  const record = { step: meta.step, ...score, file: bestFile };
  await writeFileAtomic(join(folder, recordName), `${JSON.stringify(record, null, 2)}\n`);
}

/** The best checkpoint, or null when none is kept. @throws UserError when its file is damaged. */
export async function loadBest(folder: string): Promise<LoadedCheckpoint | null> {
  const path = join(folder, bestFile);
  if (!(await checkpointSteps(folder)).best) return null;
  return { ...(await readCheckpoint(path)), path };
}

/** Deletes the best checkpoint of a run that starts anew. */
export async function removeBest(folder: string): Promise<void> {
  for (const name of [bestFile, recordName]) await rm(join(folder, name), { force: true });
}

/**
 * Loads the checkpoint that was asked for.
 * @returns null when the run has none at all yet
 * @throws UserError when it has others but not this one, or it is damaged.
 */
export async function loadChosen(folder: string, choice: CheckpointChoice): Promise<LoadedCheckpoint | null> {
  if (choice === 'last') return loadLatestCheckpoint(folder);
  const { steps, best } = await checkpointSteps(folder);
  if (steps.length === 0 && !best) return null;
  const kept = `it keeps ${[...(best ? ['best'] : []), 'last', ...steps].join(', ')}`;
  if (choice === 'best') {
    const found = await loadBest(folder);
    if (found !== null) return found;
    throw new UserError(
      `${folder}: no best checkpoint, as the run was not trained with --keep best; ${kept}`,
    );
  }
  if (steps.includes(choice)) {
    const path = join(folder, stepFile(choice));
    return { ...(await readCheckpoint(path)), path };
  }
  throw new UserError(`${folder}: no checkpoint of step ${choice}; ${kept}`);
}

/** Reads `last`, `best` or a number of steps. @throws UserError naming the flag. */
export function parseChoice(text: string, flag = '--checkpoint'): CheckpointChoice {
  if (text === 'last' || text === 'best') return text;
  const step = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(step) && step >= 0) return step;
  throw new UserError(`${flag}: expected last, best or a number of steps, got '${text}'`);
}
