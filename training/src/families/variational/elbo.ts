import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import type { Loss } from '../../core/gradients.ts';
import { usedWith } from '../../model/option-use.ts';
import { sumExamples } from '../../nn/distributions.ts';
import type { LatentModel } from './latent-model.ts';
import { totalCorrelation } from './total-correlation.ts';

/** Options of the loss of a VAE. */
export const elboOptions = {
  beta: z.number().nonnegative().default(1).describe('weight of the KL term (beta-VAE); 1 is the ELBO'),
  klWarmUp: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('steps in which the weight of the KL term rises in a line from 0 to beta'),
  freeBits: z
    .number()
    .nonnegative()
    .default(0)
    .describe(
      'nats of the KL term of each dimension of the code that cost nothing (of the whole code where the prior ties its dimensions)',
    ),
};
export type ElboOptions = z.infer<z.ZodObject<typeof elboOptions>>;

/** The option of models whose posteriors are Gaussians of independent dimensions. */
export const totalCorrelationOption = {
  totalCorrelation: z
    .number()
    .nonnegative()
    .default(1)
    .meta(
      usedWith(
        { posterior: 'gaussian' },
        'weight of the total correlation in the KL term; above 1 codes become independent (beta-TCVAE)',
      ),
    ),
};

/** What the loss is taken of. */
export interface ElboTerms {
  /** [batch, dimensions] */
  readonly x: tf.Tensor;
  /** Noise of the code, [batch, latent]. */
  readonly eps: tf.Tensor;
  /** Steps done before this one. */
  readonly step: tf.Scalar;
  /** [batch, width], for a model that is told something. */
  readonly condition?: tf.Tensor | undefined;
  /** Which values are to be explained, 1 or 0: [batch, dimensions]; all when absent. */
  readonly counted?: tf.Tensor;
}

/**
 * The loss of a VAE,
 *
 *   ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))             Kingma and Welling 2014, eq. 3 and 10
 *   loss    = -mean over the batch of (E_q[log p(x|z)] - beta KL)       Higgins et al. 2017, eq. 4
 *
 * with one reparameterised draw of z. `klWarmUp` lets beta rise from 0 (Sonderby et al. 2016, section 2.3); with
 * `freeBits` f the loss has, in place of the KL term,
 *
 *   sum over the dimensions j of max(f, mean over the batch of KL_j)                 Kingma et al. 2016, eq. 16
 *
 * and `totalCorrelation` w adds (w - 1) KL(q(z) || prod_j q(z_j)) (Chen et al. 2018, eq. 4 with alpha = gamma = 1).
 */
export function elboLoss(
  model: Pick<LatentModel, 'encode' | 'draw' | 'divergence' | 'logLikelihoods'>,
  {
    beta,
    klWarmUp,
    freeBits,
    totalCorrelation: correlationWeight = 1,
  }: ElboOptions & {
    readonly totalCorrelation?: number;
  },
  state: NamedTensors,
  { x, eps, step, condition, counted }: ElboTerms,
): Loss {
  const encoding = model.encode(state, x, condition);
  const drawn = model.draw(state, encoding, eps); // [batch, latent]
  const likelihoods = model.logLikelihoods(state, x, drawn.z, condition); // [batch, dimensions]
  const reconstruction = tf.mean(
    sumExamples(counted === undefined ? likelihoods : tf.mul(likelihoods, counted)),
  );
  const each = tf.mean(model.divergence(state, encoding, drawn, condition), 0); // [latent], or [1]
  const divergence = tf.sum(each);
  const elbo = tf.sub(reconstruction, divergence);
  const weight = klWarmUp === 0 ? beta : tf.mul(beta, tf.minimum(1, tf.div(tf.add(step, 1), klWarmUp)));
  const spent = freeBits === 0 ? divergence : tf.sum(tf.maximum(each, freeBits));
  const loss = tf.sub(tf.mul(weight, spent), reconstruction);
  if (correlationWeight === 1) return { loss, metrics: { elbo, divergence } };
  const correlation = totalCorrelation(encoding, drawn.z);
  return {
    loss: tf.add(loss, tf.mul(correlationWeight - 1, correlation)),
    metrics: { elbo, divergence, totalCorrelation: correlation },
  };
}
