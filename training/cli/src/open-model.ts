import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSampler, type Sampler } from '@generatrix/runtime';
import { type DeviceRequest, UserError } from '@generatrix/runtime/core';
import { hasRun, parseChoice } from '@generatrix/training/record';
import type { Command } from 'commander';

export interface CheckpointFlag {
  readonly checkpoint?: string;
}

/** Adds `--checkpoint`, for commands that take a model. */
export function addCheckpointFlag(command: Command): Command {
  return command.option(
    '--checkpoint <which>',
    'of a run: best, last or the steps done (default: what its bundle was exported from)',
  );
}

/**
 * Loads a model from a bundle or a run; a checkpoint that is named is exported for the while.
 * @returns the sampler, and what lets go of it
 * @throws UserError when there is no such model or checkpoint.
 */
export async function openModel(
  model: string,
  { checkpoint, device }: CheckpointFlag & { readonly device: DeviceRequest },
): Promise<{ sampler: Sampler; close(): Promise<void> }> {
  if (checkpoint === undefined) {
    const sampler = await loadSampler(model, { device });
    return { sampler, close: () => sampler.release() };
  }
  const choice = parseChoice(checkpoint);
  if (!(await hasRun(model))) {
    throw new UserError(
      `--checkpoint ${checkpoint}: ${model} is no run, and a bundle holds one checkpoint; leave it out`,
    );
  }
  // Exporting needs TensorFlow.js, which is slow to load.
  const { exportRun } = await import('@generatrix/training');
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-checkpoint-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const bundle = join(folder, 'bundle');
    await exportRun(model, bundle, ['shared'], 'onnx', null, { checkpoint: choice });
    const sampler = await loadSampler(bundle, { device });
    return { sampler, close: () => sampler.release().finally(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
