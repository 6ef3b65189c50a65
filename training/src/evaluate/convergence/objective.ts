import { densityOf } from '@generatrix/runtime/core';
import type { Family } from '../../model/family.ts';
import type { Model } from '../../model/model.ts';

/** What a training loss measures. */
export type Objective =
  /** Minus the exact log-likelihood. */
  | 'log-likelihood'
  /** Minus a lower bound of the log-likelihood. */
  | 'bound'
  /** A distance of distributions, estimated on a batch. */
  | 'discrepancy'
  /** An error of reconstruction, which says nothing of samples. */
  | 'reconstruction'
  /** Losses of players against one another: each is measured by the other, which changes. */
  | 'adversarial'
  /** The gradient of contrastive divergence is that of no function. */
  | 'contrastive divergence'
  /** Anything else. */
  | 'unknown';

/** What each is called in a sentence. */
export const objectiveNames: Readonly<Record<Objective, string>> = {
  'log-likelihood': 'minus a log-likelihood',
  bound: 'minus a bound of the log-likelihood',
  discrepancy: 'a distance of distributions, estimated on batches',
  reconstruction: 'an error of reconstruction, a surrogate',
  adversarial: 'losses of adversaries, a surrogate',
  'contrastive divergence': 'contrastive divergence, a surrogate',
  unknown: 'a loss of unknown meaning',
};

/** Does a smaller loss mean a better fit of the distribution, so that a curve at rest means that training is? */
export function measuresFit(objective: Objective): boolean {
  return objective === 'log-likelihood' || objective === 'bound' || objective === 'discrepancy';
}

/**
 * The objective of a family's training step, from its place in the taxonomy and the density that its model has.
 * @param options of the model: a KL term of weight `beta` below 1 leaves no bound
 */
export function objectiveOf(
  { taxonomy }: Pick<Family, 'taxonomy'>,
  { programs }: Pick<Model, 'programs'>,
  options: Readonly<Record<string, unknown>> = {},
): Objective {
  const is = (kind: RegExp) => taxonomy.some((level) => kind.test(level));
  if (is(/moment matching/)) return 'discrepancy';
  if (is(/implicit density/)) return is(/markov chain/i) ? 'reconstruction' : 'adversarial';
  if (is(/markov chain|boltzmann/i)) return 'contrastive divergence';
  const density = densityOf(programs)?.kind;
  if (density === 'exact') return 'log-likelihood';
  if (density === 'bound') {
    return typeof options.beta === 'number' && options.beta < 1 ? 'reconstruction' : 'bound';
  }
  return is(/autoencoder/) ? 'reconstruction' : 'unknown';
}
