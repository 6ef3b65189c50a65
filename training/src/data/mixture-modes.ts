import type { TableMode } from '@generatrix/runtime/core';

/** Most modes of a column, as in the paper. */
const mostModes = 10;
const rounds = 60;
/** Values that the mixture is fitted to; of more, so many quantiles, which say as much of one dimension. */
const mostValues = 4000;
/** A mode is not narrower than this share of the whole spread, else its likelihood has no bound. */
const narrowest = 1e-3;
/** Modes of a smaller share are left out, as in the paper's code (from memory). */
const smallestShare = 0.005;

/**
 * A mixture of normal distributions for the values of a column, by expectation maximisation from quantiles; the number of
 * modes is the one of the least Bayesian information criterion. Xu et al. (2019, arXiv:1907.00503, section 4.2) take a
 * variational mixture, whose purpose is the same.
 * @param values at least one, all finite
 */
export function mixtureModes(values: ArrayLike<number>): readonly TableMode[] {
  const sorted = Float64Array.from(values).sort();
  const count = Math.min(mostValues, sorted.length);
  const some = Float64Array.from({ length: count }, (_, i) => quantile(sorted, (i + 0.5) / count));
  const mean = average(some);
  const spread = Math.sqrt(average(some.map((x) => (x - mean) ** 2)));
  if (!(spread > 0)) return [{ mean, std: 1, weight: 1 }];
  const standard = some.map((x) => (x - mean) / spread);
  // Identical values would need no mode of their own each.
  const distinct = new Set(standard).size;
  let best: { modes: TableMode[]; criterion: number } | null = null;
  for (let k = 1; k <= Math.min(mostModes, distinct); k++) {
    const { modes, logLikelihood } = expectationMaximisation(standard, k);
    const criterion = (3 * k - 1) * Math.log(count) - 2 * logLikelihood;
    if (best === null || criterion < best.criterion) best = { modes, criterion };
  }
  const kept = best!.modes.filter(({ weight }) => weight >= smallestShare);
  const total = kept.reduce((sum, { weight }) => sum + weight, 0);
  return kept.map((mode) => ({
    mean: mean + spread * mode.mean,
    std: spread * mode.std,
    weight: mode.weight / total,
  }));
}

function expectationMaximisation(
  values: Float64Array,
  k: number,
): { modes: TableMode[]; logLikelihood: number } {
  let modes: TableMode[] = Array.from({ length: k }, (_, j) => ({
    mean: quantile(values, (j + 0.5) / k),
    std: 1 / k,
    weight: 1 / k,
  }));
  let logLikelihood = Number.NEGATIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const sums = modes.map(() => ({ weight: 0, first: 0, second: 0 }));
    let total = 0;
    for (const x of values) {
      const logs = modes.map(
        ({ mean, std, weight }) =>
          Math.log(weight) - Math.log(std) - 0.5 * ((x - mean) / std) ** 2 - 0.5 * Math.log(2 * Math.PI),
      );
      const most = Math.max(...logs);
      const sum = logs.reduce((s, log) => s + Math.exp(log - most), 0);
      total += most + Math.log(sum);
      for (const [j, log] of logs.entries()) {
        const share = Math.exp(log - most) / sum;
        const of = sums[j]!;
        of.weight += share;
        of.first += share * x;
        of.second += share * x * x;
      }
    }
    modes = sums.map(({ weight, first, second }) => {
      const mass = Math.max(weight, 1e-12);
      const mean = first / mass;
      const variance = Math.max(second / mass - mean * mean, narrowest ** 2);
      return { mean, std: Math.sqrt(variance), weight: mass / values.length };
    });
    const gained = total - logLikelihood;
    logLikelihood = total;
    if (gained < 1e-4 * values.length) break;
  }
  return { modes, logLikelihood };
}

/** Of sorted values. */
function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

function average(values: Float64Array): number {
  return values.reduce((sum, x) => sum + x / values.length, 0);
}
