import type { Modes } from '../../data/index.ts';
import { divergence } from '../statistics.ts';

export interface ModeCoverage {
  readonly modes: number;
  /** Modes with at least one high-quality sample (the papers' count). */
  readonly hit: number;
  /** Modes with at least a tenth of their fair share of high-quality samples. */
  readonly covered: number;
  /** Indices of the modes without a high-quality sample. */
  readonly missed: readonly number[];
  /** Share of samples within three standard deviations of the nearest centre. */
  readonly highQuality: number;
  /** KL of the shares of samples nearest to each mode to equal shares, nats: 0 for all alike, log(modes) for one. */
  readonly divergence: number;
  /** Samples nearest to each centre, of any quality. */
  readonly counts: readonly number[];
}

/** Samples in the protocol of the published tables. */
export const publishedModeSamples = 2500;

/** Modes with fewer high-quality samples than this part of their fair share do not count as covered. */
const coveredFrom = 0.1;

/**
 * Mode coverage of samples in the plane, by the protocol of PacGAN (Lin et al. 2018, section 4.1, after Srivastava et
 * al. 2017, VEEGAN): a sample belongs to the nearest centre and is of high quality within three standard deviations
 * of it; a mode is hit by one such sample. 98.9 % of the distribution's own samples are of high quality (1 -
 * exp(-4.5)).
 * @param points [n, 2] values
 */
export function modeCoverage(points: ArrayLike<number>, { centres, std }: Modes): ModeCoverage {
  const total = points.length / 2;
  const counts = centres.map(() => 0);
  const good = centres.map(() => 0);
  for (let i = 0; i < total; i++) {
    let [nearest, squared] = [0, Number.POSITIVE_INFINITY];
    for (const [mode, [x, y]] of centres.entries()) {
      const distance = (points[2 * i]! - x) ** 2 + (points[2 * i + 1]! - y) ** 2;
      if (distance < squared) [nearest, squared] = [mode, distance];
    }
    // A sample that is not finite is near to no mode.
    if (!Number.isFinite(squared)) continue;
    counts[nearest]!++;
    if (squared <= 9 * std * std) good[nearest]!++;
  }
  const modes = centres.length;
  const least = (coveredFrom * total) / modes;
  return {
    modes,
    hit: good.filter((count) => count > 0).length,
    covered: good.filter((count) => count > 0 && count >= least).length,
    missed: good.flatMap((count, mode) => (count === 0 ? [mode] : [])),
    highQuality: good.reduce((sum, count) => sum + count, 0) / total,
    divergence: divergence(
      counts.map((count) => count / total),
      counts.map(() => 1 / modes),
    ),
    counts,
  };
}
