import { type Batch, batchPlan, type StepInputs, sizeOf, stepInputs } from '@generatrix/runtime/core';
import { augmentation } from '../data/augment.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Model } from '../model/model.ts';
import { type PlannedPhase, phaseOf, planPhases } from '../model/phases.ts';
import type { RunSettings } from '../record/settings.ts';

/** Bytes of examples gathered ahead, at most, beyond the block that is needed next. */
const aheadBytes = 128 * 2 ** 20;

/** Feeds a training loop, gathering ahead while a step runs. */
export interface BatchSource {
  /**
   * Inputs of `count` steps from step `first` on, and starts to gather those that come after. What a step gets is a
   * function of the settings and the step alone, never of what was gathered before.
   */
  inputs(first: number, count: number): Promise<StepInputs[]>;
  /** The batch of a step, without its values. */
  plan(step: number): Batch;
  /** Milliseconds that `inputs` has taken so far: what the loop waited for data. */
  readonly waited: number;
  /** Waits for what is still being gathered, and lets it go. */
  close(): Promise<void>;
}

export interface BatchSourceOptions {
  readonly settings: RunSettings;
  readonly model: Model;
  readonly train: Dataset;
  /** False gathers every batch when it is asked for: for measuring, the values are the same. */
  readonly prefetch?: boolean;
}

/**
 * The batches of a run. onnxruntime holds this thread while a step runs, but reading files and decoding images go on
 * in the threads of libuv and the decoder: so the batches that follow are asked for before the step starts.
 * @throws UserError when the settings ask for an augmentation that does not fit the data.
 */
export function batchSource({ settings, model, train, prefetch = true }: BatchSourceOptions): BatchSource {
  const { seed, steps } = settings;
  const phases = planPhases(model, settings);
  const plan = planOf(phases, train.size, seed);
  const augment = augmentation(settings.augment, train.spec, seed);
  const largest = Math.max(...phases.map(({ batchSize }) => batchSize));
  const limit = Math.max(1, Math.floor(aheadBytes / (4 * largest * sizeOf(train.spec.shape))));
  const pending = new Map<number, Promise<StepInputs>>();
  let waited = 0;

  const gather = async (step: number): Promise<StepInputs> => {
    const batch = plan(step);
    const { model, rateAt } = phaseOf(phases, step);
    const key = { seed, step, learningRate: rateAt(step) };
    const inputs = await stepInputs(model, train, batch, key);
    return { ...inputs, data: augment(inputs.data, batch.indices, batch.epoch) };
  };
  const start = (step: number): Promise<StepInputs> => {
    const already = pending.get(step);
    if (already !== undefined) return already;
    const promise = gather(step);
    // A failure is reported when its step is asked for; until then nobody listens.
    promise.catch(() => {});
    pending.set(step, promise);
    return promise;
  };

  return {
    plan,
    get waited() {
      return waited;
    },
    inputs: async (first, count) => {
      const asked = performance.now();
      const wanted = Array.from({ length: count }, (_, i) => first + i);
      const ready = await Promise.all(wanted.map(start));
      for (const step of wanted) pending.delete(step);
      const ahead = prefetch ? Math.min(count, limit, steps - first - count) : 0;
      for (let i = 0; i < ahead; i++) void start(first + count + i);
      waited += performance.now() - asked;
      return ready;
    },
    close: async () => {
      await Promise.allSettled(pending.values());
      pending.clear();
    },
  };
}

/** The batches of all phases by the steps of the run; each phase begins an epoch. */
function planOf(phases: readonly PlannedPhase[], size: number, seed: number): (step: number) => Batch {
  let epoch = 0;
  const plans = phases.map(({ first, end, batchSize, model }) => {
    const plan = batchPlan(model.batching, size, batchSize, seed, epoch);
    epoch = plan(end - first - 1).epoch + 1;
    return { end, at: (step: number) => plan(step - first) };
  });
  return (step) => phaseOf(plans, step).at(step);
}
