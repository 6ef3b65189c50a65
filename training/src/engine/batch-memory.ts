import { sizeOf } from '@generatrix/runtime/core';
import { checkMemory } from '../files/limits.ts';
import type { Model } from '../model/model.ts';
import { traceStep } from './step-program.ts';

/** Batches that the step is traced at to see which of its tensors grow, and by how much. */
const traced = [32, 64] as const;
/** Below this no batch is worth the time of two traces. */
const smallBatch = 4096;

/**
 * Refuses a batch that cannot lie in memory, before any of it is allocated. What it counts is the least that a step
 * needs: its inputs, here and in the engine, and its largest tensor with that one's gradient.
 * @throws UserError with the memory it takes, what there is, and the largest batch that would do.
 */
export function checkBatchMemory(model: Model, batchSize: number, dataShape: readonly number[]): void {
  if (batchSize < smallBatch) return;
  const noise = Object.values(model.step.noise).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const fields = Object.values(model.step.conditions ?? {}).reduce(
    (sum, { shape }) => sum + sizeOf(shape),
    0,
  );
  const inputs = 2 * 4 * (sizeOf(dataShape) + noise + fields + 2);
  checkMemory('--batch-size', batchSize, inputs, 'the examples of a step');
  const bytes = inputs + 2 * 4 * largestTensor(model, dataShape);
  checkMemory('--batch-size', batchSize, bytes, 'the tensors of a step');
}

/** Values for each example in the tensor that grows most with the batch. */
function largestTensor(model: Model, dataShape: readonly number[]): number {
  const [few, more] = traced.map((batch) =>
    traceStep(model, batch, dataShape).nodes.flatMap(({ outputs }) =>
      outputs.map(({ shape }) => sizeOf(shape.map((dim) => (typeof dim === 'number' ? dim : 1)))),
    ),
  ) as [number[], number[]];
  // The same program at both sizes; where it is not, its inputs alone count.
  if (few.length !== more.length) return 0;
  return Math.max(0, ...more.map((size, i) => (size - few[i]!) / (traced[1] - traced[0])));
}
