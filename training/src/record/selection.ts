import { UserError } from '@generatrix/runtime/core';
import type { MetricsLine } from './metrics.ts';
import type { RunSettings } from './settings.ts';

/** What an evaluation measured, of the metric that a run is judged by. More is better. */
export interface Score {
  /** Steps done. */
  readonly step: number;
  readonly value: number;
}

export interface SelectionOptions {
  /** Evaluations in a row without improvement after which training stops; never when absent. */
  readonly earlyStop?: number | undefined;
  /** How much above the last improvement a score must lie to count as one. */
  readonly minDelta?: number;
}

/**
 * Which evaluation was the best so far, and whether training still improves. It depends on the scores alone, so that
 * a resumed run that is shown the earlier ones again stands where it stood.
 */
export class Selection {
  readonly #options: SelectionOptions;
  #best: Score | null = null;
  /** The score that patience counts from: the last that improved by more than `minDelta`. */
  #reference = Number.NEGATIVE_INFINITY;
  #waited = 0;

  constructor(options: SelectionOptions = {}) {
    this.#options = options;
  }

  /** The best score so far, the earliest of equal ones. */
  get best(): Score | null {
    return this.#best;
  }

  /** Evaluations since the last that improved. */
  get waited(): number {
    return this.#waited;
  }

  /** Has training gone on for as many evaluations without improvement as it may? */
  get exhausted(): boolean {
    const { earlyStop } = this.#options;
    return earlyStop !== undefined && this.#waited >= earlyStop;
  }

  /** Takes the next evaluation. @returns whether it is the best so far; a score that is not finite never is. */
  record(score: Score): boolean {
    const { minDelta = 0 } = this.#options;
    const finite = Number.isFinite(score.value);
    if (finite && score.value > this.#reference + minDelta) {
      this.#reference = score.value;
      this.#waited = 0;
    } else this.#waited++;
    if (!finite || score.value <= (this.#best?.value ?? Number.NEGATIVE_INFINITY)) return false;
    this.#best = score;
    return true;
  }

  /** Forgets which was the best, as its checkpoint is lost: the next evaluation is the best again. */
  forgetBest(): void {
    this.#best = null;
  }
}

/** The scores that a run's metrics hold. */
export function scoresOf(lines: readonly MetricsLine[], metric: string): Score[] {
  return lines.flatMap(({ step, metrics }) =>
    Object.hasOwn(metrics, metric) ? [{ step, value: metrics[metric]! }] : [],
  );
}

/**
 * The metric that chooses a run's best checkpoint and stops it early, or null when its settings ask for neither.
 * @param measured what an evaluation of this model measures
 * @throws UserError when there is none, or not the one that the settings name.
 */
export function selectionMetric(
  { family, data, keep, earlyStop, bestBy }: RunSettings,
  measured: readonly string[],
): string | null {
  const flag = keep === 'best' ? '--keep best' : '--early-stop';
  if (keep !== 'best' && earlyStop === undefined) {
    if (bestBy === undefined) return null;
    throw new UserError('--best-by: it names what --keep best and --early-stop go by; give one of them');
  }
  const likelihood = measured.find((name) => likelihoods.includes(name));
  const metric = bestBy ?? likelihood;
  if (metric !== undefined && measured.includes(metric)) return metric;
  const what = `${family} on ${data.name}`;
  if (measured.length === 0) {
    throw new UserError(
      `${flag}: ${what} has no likelihood, and nothing else of it is measured on held-out data while it trains; ` +
        'leave it out, keep more checkpoints with --keep-checkpoints N, and compare them with: ' +
        'generatrix evaluate RUN --checkpoint STEP',
    );
  }
  if (bestBy !== undefined) {
    throw new UserError(`--best-by ${bestBy}: expected one of ${measured.join(', ')} for ${what}`);
  }
  throw new UserError(
    `${flag}: ${what} has no likelihood to choose by; name another measure with --best-by: ${measured.join(', ')}`,
  );
}

const likelihoods = ['heldOut/logProb', 'heldOut/elbo'];
