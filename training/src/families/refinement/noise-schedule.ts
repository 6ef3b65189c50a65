/** How the noise grows over the steps from data to noise. */
export const scheduleNames = ['cosine', 'linear'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

/** What of an example is left after each number of steps, from 0 to all, and what of it is noise. */
export interface NoiseSchedule {
  /** alpha-bar: share of the variance that is the example's, from 1 down. */
  readonly signal: readonly number[];
  /** 1 - alpha-bar, without the rounding of that difference. */
  readonly noise: readonly number[];
}

/** No step adds more noise than this (Nichol and Dhariwal 2021, section 3.2). */
const largestBeta = 0.999;

/**
 * alpha-bar_k, the product of 1 - beta_i over the first k steps:
 * - linear: beta from 1e-4 to 0.02 over 1,000 steps (Ho et al. 2020, section 4), scaled for another number;
 * - cosine: alpha-bar_k = f(k) / f(0), f(k) = cos^2((k / steps + s) / (1 + s) pi / 2), s = 0.008 (Nichol and Dhariwal
 *   2021, eq. 17).
 * @param steps in all, at least 2
 */
export function noiseSchedule(name: ScheduleName, steps: number): NoiseSchedule {
  const angle = (k: number) => (((k / steps + 0.008) / 1.008) * Math.PI) / 2;
  const betaOf = {
    linear: (k: number) => (1000 / steps) * (1e-4 + ((k - 1) / (steps - 1)) * (0.02 - 1e-4)),
    cosine: (k: number) => 1 - (Math.cos(angle(k)) / Math.cos(angle(k - 1))) ** 2,
  }[name];
  const signal = [1];
  const noise = [0];
  for (let k = 1; k <= steps; k++) {
    const beta = Math.min(largestBeta, betaOf(k));
    const before = signal[k - 1]!;
    signal.push(before * (1 - beta));
    noise.push(noise[k - 1]! + before * beta);
  }
  return { signal, noise };
}
