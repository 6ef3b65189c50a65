import { divergence, mean, standardDeviation } from '../statistics.ts';

export interface HistogramDivergence {
  /** KL(real || samples), nats, with half an example added to each cell of the samples' histogram. */
  readonly kl: number;
  /** Jensen-Shannon divergence, nats: 0 for equal histograms, log 2 for histograms that share no cell. */
  readonly js: number;
  readonly cellsPerAxis: number;
}

/**
 * KL and Jensen-Shannon divergence of two sets of points in the plane by histograms over one grid. Both depend on the
 * grid and are biased upwards by a few samples in a cell: compare with the figure of real against real.
 * @param real [n, 2] values
 * @param samples [m, 2] values; those that are not finite are left out
 * @param cellsPerAxis cells along each axis of the rectangle that holds the real points, which one more cell on each
 * side surrounds for what lies outside
 */
export function histogramDivergence(
  real: ArrayLike<number>,
  samples: ArrayLike<number>,
  cellsPerAxis = 20,
): HistogramDivergence {
  const bounds = [0, 1].map((axis) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = axis; i < real.length; i += 2) {
      low = Math.min(low, real[i]!);
      high = Math.max(high, real[i]!);
    }
    return { low, size: (high - low) / cellsPerAxis || 1 };
  });
  const p = histogram(real, bounds, cellsPerAxis);
  const q = histogram(samples, bounds, cellsPerAxis);
  const total = q.reduce((sum, count) => sum + count, 0);
  const smoothed = q.map((count) => (count + 0.5) / (total + 0.5 * q.length));
  const [shareP, shareQ] = [normalised(p), normalised(q)];
  const middle = shareP.map((share, i) => (share + shareQ[i]!) / 2);
  return {
    kl: divergence(shareP, smoothed),
    js: (divergence(shareP, middle) + divergence(shareQ, middle)) / 2,
    cellsPerAxis,
  };
}

function histogram(
  points: ArrayLike<number>,
  bounds: { low: number; size: number }[],
  cells: number,
): Float64Array {
  const side = cells + 2;
  const counts = new Float64Array(side * side);
  const cell = (value: number, { low, size }: { low: number; size: number }) =>
    // The largest real value belongs to the last cell, not to the margin.
    value === low + cells * size
      ? cells
      : Math.min(side - 1, Math.max(0, Math.floor((value - low) / size) + 1));
  for (let i = 0; i < points.length; i += 2) {
    if (!Number.isFinite(points[i]!) || !Number.isFinite(points[i + 1]!)) continue;
    counts[cell(points[i]!, bounds[0]!) * side + cell(points[i + 1]!, bounds[1]!)]!++;
  }
  return counts;
}

function normalised(counts: Float64Array): Float64Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => count / total);
}

export interface DensityDivergence {
  /** KL(data || model), nats: mean of log p - log q over data. */
  readonly forward: number;
  readonly forwardError: number;
  /**
   * KL(model || data), nats: mean of log q - log p over samples; infinite when a sample lies outside the data's
   * distribution.
   */
  readonly reverse: number;
  readonly reverseError: number;
  /** Jensen-Shannon divergence, nats. */
  readonly js: number;
  /** Share of samples where the data's distribution has no density. */
  readonly outside: number;
}

/** Log-densities of examples under the data's distribution and under the model, nats. */
export interface LogDensities {
  readonly data: ArrayLike<number>;
  readonly model: ArrayLike<number>;
}

/**
 * Divergences where both densities are known, as means over examples of either side; the errors are standard errors.
 * With m = (p + q) / 2: JS = (E_p[log p - log m] + E_q[log q - log m]) / 2.
 */
export function densityDivergence(onData: LogDensities, onSamples: LogDensities): DensityDivergence {
  const ratios = (values: ArrayLike<number>, others: ArrayLike<number>) =>
    Float64Array.from({ length: values.length }, (_, i) => values[i]! - others[i]!);
  const toMiddle = (values: ArrayLike<number>, others: ArrayLike<number>) =>
    mean(
      Float64Array.from({ length: values.length }, (_, i) => values[i]! - logMean(values[i]!, others[i]!)),
    );
  const forward = ratios(onData.data, onData.model);
  const reverse = ratios(onSamples.model, onSamples.data);
  const outside = Array.from(onSamples.data).filter((value) => value === Number.NEGATIVE_INFINITY).length;
  return {
    forward: mean(forward),
    forwardError: standardDeviation(forward) / Math.sqrt(forward.length),
    reverse: mean(reverse),
    reverseError: standardDeviation(reverse) / Math.sqrt(reverse.length),
    js: (toMiddle(onData.data, onData.model) + toMiddle(onSamples.model, onSamples.data)) / 2,
    outside: outside / onSamples.data.length,
  };
}

/** log((exp a + exp b) / 2) */
function logMean(a: number, b: number): number {
  const top = Math.max(a, b);
  if (top === Number.NEGATIVE_INFINITY) return top;
  return top + Math.log((Math.exp(a - top) + Math.exp(b - top)) / 2);
}
