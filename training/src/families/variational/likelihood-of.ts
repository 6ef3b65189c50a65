import type { ColumnSpan } from '@generatrix/runtime/core';
import type { DataDescription } from '../../model/family.ts';
import { bernoulliLikelihood, gaussianLikelihood, type Likelihood } from './likelihood.ts';
import { tableLikelihood } from './table-likelihood.ts';

/** What decides the likelihood. */
export interface LikelihoodSettings {
  readonly likelihood?: 'bernoulli' | 'gaussian' | undefined;
  /** Fixed deviation of the Gaussian; learned for each value when absent. */
  readonly outputStd?: number | undefined;
}

/**
 * The likelihood that the options name, or that of the data: Bernoulli for images, of its columns for rows of a table,
 * else Gaussian (Kingma and Welling 2014, appendix C).
 * @param repeated columns that repeat what the model is told, and have its values
 */
export function likelihoodOf(
  { likelihood, outputStd }: LikelihoodSettings,
  { spec }: Pick<DataDescription, 'spec'>,
  repeated?: ColumnSpan,
): Likelihood {
  if (likelihood === undefined && spec.kind === 'points' && spec.columns !== undefined)
    return tableLikelihood(spec.columns, repeated);
  return (likelihood ?? (spec.kind === 'image' ? 'bernoulli' : 'gaussian')) === 'bernoulli'
    ? bernoulliLikelihood(spec.shape)
    : gaussianLikelihood(spec.shape, outputStd);
}
