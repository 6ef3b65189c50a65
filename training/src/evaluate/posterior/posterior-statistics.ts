import type { Rows } from '../rows.ts';
import { columnMeans } from '../rows.ts';

/** Variance of a code's mean over the examples above which a dimension is called active (Burda et al. 2016, section 5.2). */
export const activeVariance = 0.01;

/** What the posteriors of many examples say of the code. */
export interface PosteriorStatistics {
  /** Variance over the examples of the mean of each dimension of the code, by n: [latent]. */
  readonly variances: Float64Array;
  /** Dimensions whose variance is above `activeVariance`. */
  readonly activeUnits: number;
  /** Mean over the examples of KL(q(z|x) || p(z)) of each dimension, [latent], or of the whole code, [1]. Nats. */
  readonly divergences: Float64Array;
  /** Their sum: the KL term of the bound. Nats. */
  readonly divergence: number;
}

/**
 * Statistics of the posteriors of examples.
 * @param means of the codes, a row for each example
 * @param divergences of the posteriors from the prior, likewise, one value for each dimension or one for the code
 */
export function posteriorStatistics(means: Rows, divergences: Rows): PosteriorStatistics {
  const centre = columnMeans(means);
  const variances = new Float64Array(means.width);
  for (const [i, value] of means.values.entries()) {
    variances[i % means.width]! += (value - centre[i % means.width]!) ** 2 / means.count;
  }
  const each = columnMeans(divergences);
  return {
    variances,
    activeUnits: variances.filter((variance) => variance > activeVariance).length,
    divergences: each,
    divergence: each.reduce((sum, value) => sum + value, 0),
  };
}
