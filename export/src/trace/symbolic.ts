import { type DType, messageOf } from '@generatrix/runtime/core';
import { checkGraph } from '../graph/check.ts';
import type { Graph } from '../graph/ir.ts';
import { simplify } from '../passes/simplify.ts';
import { TraceError } from './errors.ts';
import { mergeBatchSizes } from './merge.ts';
import { requireSameForOne } from './one-example.ts';
import { ForeignData } from './recorder.ts';
import { record, type TensorFunction } from './trace.ts';

/** A traced function's input: `batched` ones get a leading batch dimension of any size. */
export interface BatchedInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly batched: boolean;
}

/** Two sizes to tell which dimensions scale, and a third that must confirm it. */
const batchSizes = [5, 7, 12] as const;

/**
 * Traces a function for every batch size at once: it is traced at three sizes, the first two tell how each
 * dimension depends on the batch, the third must agree. A batch of one is traced as well, since there tensors may lose
 * an axis or broadcast in another way than elsewhere.
 * @param foreign values of the surroundings' tensors that traces of other functions have read
 * @throws TraceError when the function throws or does something else at another batch size (or at each call), or when a
 *   constant or attribute depends on the batch in a way that a program cannot express.
 */
export function traceBatched(
  fn: TensorFunction,
  inputs: Record<string, BatchedInput>,
  foreign = new ForeignData(),
): Graph {
  const recordAt = (batch: number) => {
    const specs = Object.entries(inputs).map(([name, { dtype, shape, batched }]) => [
      name,
      { dtype, shape: batched ? [batch, ...shape] : shape },
    ]);
    try {
      return record(fn, Object.fromEntries(specs), foreign);
    } catch (error) {
      if (error instanceof TraceError) throw error;
      const message = messageOf(error).split('\n')[0];
      throw new TraceError(`at batch size ${batch} the function throws '${message}'`, { cause: error });
    }
  };
  const graphs = batchSizes.map(recordAt);
  const merged = mergeBatchSizes(graphs, batchSizes);
  checkGraph(merged, 'merging of batch sizes');
  requireSameForOne(merged, graphs, batchSizes, () => recordAt(1));
  return simplify(merged);
}
