import { mean } from '../statistics.ts';

/** What chains say of how well they mix, by one scalar of their states. */
export interface ChainStatistics {
  /** Over all steps of all chains. */
  readonly mean: number;
  /** Deviation of the stationary distribution, as the chains estimate it together. */
  readonly deviation: number;
  /** Steps of a chain that are worth one independent draw: 1 + 2 sum of the autocorrelations. */
  readonly autocorrelationTime: number;
  /** Independent draws that all steps of all chains are worth. */
  readonly effectiveSize: number;
  /** Potential scale reduction of chains cut in halves; near 1 when they tell of the same distribution. */
  readonly splitRHat: number;
}

/** Values for each half of a chain from which statistics are made. */
const leastSteps = 4;

/**
 * Mixing of chains by a scalar, each cut in halves, M halves of n values in all:
 *
 *   R-hat = sqrt(var+ / W),   var+ = (n - 1) / n W + B / n             Gelman et al. 2013, section 11.4, eq. 11.3 and 11.4
 *   rho_t = 1 - (W - mean of the halves' autocovariances at lag t) / var+      Vehtari et al. 2021, eq. 10
 *   tau = -1 + 2 sum_k P_k,   P_k = rho_2k + rho_2k+1                          Vehtari et al. 2021, eq. 11 to 13
 *
 * with W the mean variance within halves and B / n the variance of their means. The sum ends at the first pair that is not
 * positive, and no pair counts more than the one before it (Geyer 1992, section 3.3). effectiveSize = M n / tau, which
 * negative correlations may make larger than M n, up to M n log10(M n) (Vehtari et al. 2021, section 3.2; from memory).
 * Values are not ranked. Chains that stay where they are, at different values, have an infinite R-hat; chains that all
 * stay at one value have none (NaN).
 * @param chains of equal length, 8 at least, without what is left out at the start
 * @throws when there are none, or they are too short or of different lengths.
 */
export function chainStatistics(chains: readonly ArrayLike<number>[]): ChainStatistics {
  const length = chains[0]?.length ?? 0;
  if (length < 2 * leastSteps || chains.some((chain) => chain.length !== length))
    throw new Error(`chain statistics: expected chains of one length, ${2 * leastSteps} at least`);
  const n = Math.floor(length / 2);
  // Of an odd number the one in the middle is left out.
  const halves = chains.flatMap((chain) => [part(chain, 0, n), part(chain, length - n, n)]);
  const count = halves.length;
  const means = halves.map(meanOf);
  const centre = meanOf(means);
  const centred = halves.map((half, m) => half.map((value) => value - means[m]!));
  const within = (mean(centred.map((half) => autocovariance(half, 0))) * n) / (n - 1);
  const between = means.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (count - 1);
  const variance = (within * (n - 1)) / n + between;
  const correlation = (lag: number) =>
    1 - (within - mean(centred.map((half) => autocovariance(half, lag)))) / variance;
  const total = count * n;
  const least = 1 / Math.log10(total);
  const autocorrelationTime = variance > 0 ? Math.max(least, pairedSum(correlation, n)) : Number.NaN;
  return {
    mean: centre,
    deviation: Math.sqrt(variance),
    autocorrelationTime,
    effectiveSize: total / autocorrelationTime,
    splitRHat: Math.sqrt(variance / within),
  };
}

/** -1 + 2 sum of pairs of correlations at lags 2k and 2k + 1, cut and made to fall as Geyer (1992) says. */
function pairedSum(correlation: (lag: number) => number, n: number): number {
  let [sum, before] = [0, Number.POSITIVE_INFINITY];
  for (let lag = 0; lag + 1 < n; lag += 2) {
    // At lag 0 the estimate is not quite 1, which it is by definition.
    const pair = (lag === 0 ? 1 : correlation(lag)) + correlation(lag + 1);
    if (!(pair > 0)) break;
    before = Math.min(before, pair);
    sum += before;
  }
  return 2 * sum - 1;
}

/** Mean of products of values so far apart, over all n of them: values less their mean. */
function autocovariance(centred: Float64Array, lag: number): number {
  let sum = 0;
  for (let t = 0; t + lag < centred.length; t++) sum += centred[t]! * centred[t + lag]!;
  return sum / centred.length;
}

/** Mean of values that is theirs to the last bit where all are the same. */
function meanOf(values: ArrayLike<number>): number {
  const first = values[0]!;
  return first + mean(Float64Array.from(values, (value) => value - first));
}

function part(values: ArrayLike<number>, start: number, length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => values[start + i]!);
}
