import { head, type Rows } from '../rows.ts';
import { divergence, entropy, mean, standardDeviation } from '../statistics.ts';

export interface ClassifierScore {
  /** From 1 to the number of classes. */
  readonly score: number;
  /** Over ten parts of the samples, each scored by itself. */
  readonly standardDeviation: number;
}

/**
 * The Inception score's formula with another classifier (Salimans et al. 2016, section 4):
 *
 *   exp(mean over samples of KL(p(y | x) || p(y))),  p(y) the mean of p(y | x)
 *
 * It is high when each sample is clearly of one class and all classes are sampled alike, and does not see variety
 * within a class.
 * @param probabilities [n, classes]
 */
export function classifierScore(probabilities: Rows): ClassifierScore {
  const part = Math.floor(probabilities.count / 10);
  const parts = Array.from({ length: part > 0 ? 10 : 0 }, (_, i) => {
    const { width, values } = probabilities;
    return scoreOf({ width, count: part, values: values.subarray(i * part * width, (i + 1) * part * width) });
  });
  return {
    score: scoreOf(head(probabilities, probabilities.count)),
    standardDeviation: parts.length > 0 ? standardDeviation(parts) : 0,
  };
}

function scoreOf({ count, width, values }: Rows): number {
  const marginal = new Float64Array(width);
  for (let i = 0; i < values.length; i++) marginal[i % width]! += values[i]! / count;
  const divergences = Array.from({ length: count }, (_, i) =>
    divergence(values.subarray(i * width, (i + 1) * width), marginal),
  );
  return Math.exp(mean(divergences));
}

/** The score of the rows at these indices, without copying them. */
export function scoreOfSubset({ width, values }: Rows, indices: Int32Array): number {
  const marginal = new Float64Array(width);
  let negative = 0;
  for (const index of indices) {
    for (let k = 0; k < width; k++) {
      const value = values[index * width + k]!;
      if (value === 0) continue;
      marginal[k]! += value / indices.length;
      negative += value * Math.log(value);
    }
  }
  // mean KL(p(y|x) || p(y)) = entropy of the mean - mean entropy
  return Math.exp(entropy(marginal) + negative / indices.length);
}
