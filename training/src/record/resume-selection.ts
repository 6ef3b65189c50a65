import { UserError } from '@generatrix/runtime/core';
import { loadBest, removeBest, saveBest } from './best-checkpoint.ts';
import { type Checkpoint, checkpointFolder } from './checkpoint.ts';
import type { MetricsLine } from './metrics.ts';
import { Selection, scoresOf } from './selection.ts';
import type { RunSettings } from './settings.ts';

/**
 * Where the choice of a run's best checkpoint stood when it was stopped: the scores in its metrics, up to the
 * checkpoint that it goes on from, are taken again. A run that starts at step 0 has no best yet, and one that is left
 * of a run before it is deleted.
 * @param metric what the run is judged by
 * @param lines the run's metrics up to the checkpoint
 * @param start the checkpoint that the run goes on from
 */
export async function resumeSelection(
  run: string,
  settings: Pick<RunSettings, 'keep' | 'earlyStop' | 'minDelta'>,
  { metric, lines }: { metric: string; lines: readonly MetricsLine[] },
  start: Checkpoint,
): Promise<Selection> {
  const selection = new Selection(settings);
  const folder = checkpointFolder(run);
  const { step } = start.meta;
  if (step === 0) {
    await removeBest(folder);
    return selection;
  }
  for (const score of scoresOf(lines, metric)) selection.record(score);
  const { best } = selection;
  if (settings.keep !== 'best' || best === null) return selection;
  const kept = await loadBest(folder).catch(nullOfUserError);
  // One of a later step is of this very run, whose newest checkpoints were damaged: it will be reached again.
  if (kept !== null && kept.meta.step >= best.step) return selection;
  if (best.step === step) {
    // The run was killed after the ordinary checkpoint and before the best one.
    await saveBest(folder, start, { metric, value: best.value });
    return selection;
  }
  console.warn(
    `warning: the best checkpoint, of step ${best.step}, is lost; that of the next evaluation takes its place`,
  );
  selection.forgetBest();
  return selection;
}

function nullOfUserError(error: unknown): null {
  if (error instanceof UserError) return null;
  throw error;
}
