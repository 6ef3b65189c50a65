import { fillNoise, type Seed } from './noise.ts';

/**
 * How samples get their classes when none is asked for: `balanced` takes them in turn, `data` draws each from the
 * frequencies of the classes in the training data, p(y), so that samples follow p(y) p(x | y).
 */
export type LabelDistribution = 'balanced' | 'data';

/**
 * Classes drawn with given frequencies, keyed by seed and sample index as all noise is.
 * @param frequencies of each class, not negative, one at least positive; they need not add up to 1
 * @returns [count] class indices
 */
export function drawLabels(
  frequencies: readonly number[],
  { seed, firstIndex, count }: { readonly seed: Seed; readonly firstIndex: number; readonly count: number },
): Int32Array {
  const uniform = fillNoise({
    distribution: 'uniform',
    seed,
    stream: 'labels',
    firstIndex,
    count,
    shape: [1],
  });
  const total = frequencies.reduce((sum, frequency) => sum + frequency, 0);
  let sum = 0;
  const upper = frequencies.map((frequency) => {
    sum += frequency;
    return sum / total;
  });
  // Rounding may leave the last bound under 1: the last class that occurs at all is then meant.
  const last = frequencies.findLastIndex((frequency) => frequency > 0);
  return Int32Array.from(uniform, (u) => {
    const found = upper.findIndex((bound) => u < bound);
    return found === -1 ? last : found;
  });
}
