import { mean, median, standardDeviation } from '../statistics.ts';

/** Rolling and last-half statistics of a reported metric. */
export interface SeriesStatistics {
  /** Mean of the last tenth of the reports. */
  readonly lastMean: number;
  /** Change of the least-squares line over the last half, over the typical size (mean absolute value there). */
  readonly trend: number;
  /** Standard deviation from that line, over the typical size. */
  readonly oscillation: number;
  /** Share of the reports of the last half where the series turns; about 2/3 for independent noise. */
  readonly reversals: number;
  /** Largest absolute value over the median one, whole series. */
  readonly largestOverMedian: number;
  /** [reports] mean and deviation over a window of a twentieth of the reports, at least five. */
  readonly rollingMean: readonly number[];
  readonly rollingDeviation: readonly number[];
}

/** Statistics of a metric at these steps, at least two reports. */
export function seriesStatistics(steps: readonly number[], values: readonly number[]): SeriesStatistics {
  const half = Math.floor(values.length / 2);
  const [x, y] = [steps.slice(half), values.slice(half)];
  const { slope, intercept } = line(x, y);
  const size = mean(y.map(Math.abs)) || 1;
  const residuals = y.map((value, i) => value - intercept - slope * x[i]!);
  const turns = y.filter(
    (value, i) => i > 0 && i < y.length - 1 && (value - y[i - 1]!) * (y[i + 1]! - value) < 0,
  );
  const window = Math.max(5, Math.round(values.length / 20));
  const windows = values.map((_, i) => values.slice(Math.max(0, i - window + 1), i + 1));
  return {
    lastMean: mean(values.slice(-Math.max(1, Math.round(values.length / 10)))),
    trend: (slope * (x.at(-1)! - x[0]!)) / size,
    oscillation: standardDeviation(residuals) / size,
    reversals: turns.length / Math.max(1, y.length - 2),
    largestOverMedian: Math.max(...values.map(Math.abs)) / (median(values.map(Math.abs)) || 1),
    rollingMean: windows.map(mean),
    rollingDeviation: windows.map(standardDeviation),
  };
}

/** Least-squares line. */
function line(x: readonly number[], y: readonly number[]): { slope: number; intercept: number } {
  const [centreX, centreY] = [mean(x), mean(y)];
  let [covariance, variance] = [0, 0];
  for (const [i, value] of x.entries()) {
    covariance += (value - centreX) * (y[i]! - centreY);
    variance += (value - centreX) ** 2;
  }
  const slope = variance === 0 ? 0 : covariance / variance;
  return { slope, intercept: centreY - slope * centreX };
}

/** A discriminator that is right in this share of cases gives its generator next to nothing to learn from. */
const saturatedAccuracy = 0.98;
/** A cross-entropy this near 0 says the same (a Wasserstein critic's loss is no cross-entropy and may be negative). */
const saturatedLoss = 0.02;

/** A discriminator that is sure and right of this share of examples and samples no longer teaches, either. */
const saturatedShare = 0.9;

/**
 * What says that a discriminator no longer errs, from a metric's name and its last values; null otherwise. `saturation`
 * is the metric of the adversarial families: the share of examples and samples that are told apart with 99 % certainty.
 */
export function saturatedBy(name: string, { lastMean }: SeriesStatistics): string | null {
  if (name === 'saturation') {
    return lastMean > saturatedShare
      ? `it is sure of ${(100 * lastMean).toFixed(0)} % of what it sees`
      : null;
  }
  if (!/discriminator/i.test(name)) return null;
  if (/accuracy/i.test(name)) {
    return lastMean > saturatedAccuracy ? `${name} ends at ${lastMean.toFixed(3)}` : null;
  }
  const tiny = /loss/i.test(name) && lastMean >= 0 && lastMean < saturatedLoss;
  return tiny ? `${name} ends at ${lastMean.toExponential(1)}` : null;
}
