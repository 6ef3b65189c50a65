import type { HostTensor, Sampler } from '@generatrix/runtime/web';
import type { Calls, RefineRequest } from './protocol.ts';

/**
 * Refines samples step by step.
 * @param taken called after each step, the last too, and waited for
 * @returns the samples
 */
export async function refineSteps(
  sampler: Sampler,
  { count, seed, label, scalars, start }: RefineRequest,
  signal: AbortSignal,
  taken: (part: Calls['refine']['part']) => Promise<void>,
): Promise<HostTensor> {
  const stream = sampler.stream({
    ...{ ...scalars, count, seed, signal },
    ...(label !== undefined && { label }),
    ...(start && { given: { ...start, known: 0 } }),
  });
  let last: HostTensor | undefined;
  for await (const { data, outputs, index, chunks } of stream) {
    last = data;
    await taken({ data, predicted: outputs!.predicted!, done: index + 1, of: chunks });
  }
  return last!;
}
