/** Mean of some numbers. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/** Standard deviation with the sample's own mean and n - 1. */
export function standardDeviation(values: ArrayLike<number>): number {
  const centre = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - centre) ** 2;
  return Math.sqrt(squares / Math.max(1, values.length - 1));
}

/** The value below which this share of the numbers lies, interpolated linearly (type 7 of Hyndman and Fan 1996). */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * share;
  const low = Math.floor(at);
  return sorted[low]! + ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!) * (at - low);
}

/** Half of the numbers lie below. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Two-sided 95 % quantile of the standard normal. */
const z95 = 1.959963984540054;

/** Confidence interval (95 %) of a share seen in `count` trials (Wilson 1927): sensible near 0 and 1, too. */
export function wilsonInterval(share: number, count: number): readonly [number, number] {
  const z2 = z95 * z95;
  const centre = (share + z2 / (2 * count)) / (1 + z2 / count);
  const half = (z95 / (1 + z2 / count)) * Math.sqrt((share * (1 - share)) / count + z2 / (4 * count * count));
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** P(Z > z) of a standard normal, by the error function of Abramowitz and Stegun, 7.1.26 (off by 1.5e-7 at most). */
export function normalTail(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = (series * Math.exp(-x * x)) / 2;
  return z >= 0 ? tail : 1 - tail;
}

/** Entropy of a distribution over classes, nats. */
export function entropy(shares: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < shares.length; i++) if (shares[i]! > 0) sum -= shares[i]! * Math.log(shares[i]!);
  return sum;
}

/** KL(p || q) of distributions over classes, nats; infinite when p has mass where q has none. */
export function divergence(p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < p.length; i++) if (p[i]! > 0) sum += p[i]! * Math.log(p[i]! / q[i]!);
  return sum;
}

/** Share of each class among labels. */
export function classShares(labels: ArrayLike<number>, classes: number): Float64Array {
  const shares = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) shares[labels[i]!]! += 1 / labels.length;
  return shares;
}

/** log n! for whole numbers from 0 to `most`, as cumulative sums. */
function logFactorials(most: number): Float64Array {
  const table = new Float64Array(most + 1);
  for (let n = 2; n <= most; n++) table[n] = table[n - 1]! + Math.log(n);
  return table;
}

/**
 * Fisher's exact test, one-sided: the chance that the first of two groups has at least `hits` of all the marked
 * members when the marks were dealt by lot (the upper tail of the hypergeometric distribution).
 * @param hits marked members of the first group
 * @param size of the first group
 * @param otherHits marked members of the other group
 * @param otherSize of the other group
 */
export function fisherTail(hits: number, size: number, otherHits: number, otherSize: number): number {
  const marked = hits + otherHits;
  const logs = logFactorials(size + otherSize);
  const logChoose = (n: number, k: number) => logs[n]! - logs[k]! - logs[n - k]!;
  let tail = 0;
  for (let k = hits; k <= Math.min(size, marked); k++) {
    if (marked - k > otherSize) continue;
    tail += Math.exp(
      logChoose(size, k) + logChoose(otherSize, marked - k) - logChoose(size + otherSize, marked),
    );
  }
  return Math.min(1, tail);
}

/** P(X <= count) of a binomial distribution of `trials` trials, each a hit with probability `share`. */
export function binomialLowerTail(count: number, trials: number, share: number): number {
  if (share <= 0) return 1;
  if (share >= 1) return count >= trials ? 1 : 0;
  const logs = logFactorials(trials);
  let tail = 0;
  for (let k = 0; k <= Math.min(count, trials); k++) {
    tail += Math.exp(
      logs[trials]! - logs[k]! - logs[trials - k]! + k * Math.log(share) + (trials - k) * Math.log1p(-share),
    );
  }
  return Math.min(1, tail);
}
