import { fillNoise, type HostTensor, hostTensor, sizeOf } from '@generatrix/runtime/core';
import type { Dataset } from '../../data/dataset.ts';

/** Name of the data's log odds in the state, [V]. */
export const baseRates = 'data/logOdds';

/** Examples that the data's means are taken over, spread over the data set. */
const largestSample = 10_000;

/** Log odds of the data's units, each mean as if it had been on once more and off once more: [V]. */
export async function logOddsOf(dataset: Dataset): Promise<Float32Array> {
  const units = sizeOf(dataset.spec.shape);
  const count = Math.min(dataset.size, largestSample);
  const { data } = await dataset.gather(
    Array.from({ length: count }, (_, i) => Math.floor((i * dataset.size) / count)),
  );
  const sums = new Float64Array(units);
  for (let i = 0; i < data.length; i++) sums[i % units]! += data[i]!;
  return Float32Array.from(sums, (sum) => Math.log((sum + 1) / (count - sum + 1)));
}

/** Units that are on with these log odds, each by itself: [count, V]. */
export function independentUnits(odds: ArrayLike<number>, count: number, seed: number): HostTensor {
  const shape = [odds.length];
  const noise = fillNoise({ distribution: 'uniform', seed, stream: 'chains', firstIndex: 0, count, shape });
  const values = noise.map((u, i) => (u < 1 / (1 + Math.exp(-odds[i % odds.length]!)) ? 1 : 0));
  return hostTensor('float32', [count, odds.length], values);
}
