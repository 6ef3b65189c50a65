import { type NamedTensors, tf } from '@generatrix/export';
import type { ProgramSignature } from '@generatrix/runtime/core';
import type { ModelProgram } from '../../model/model.ts';
import type { CodeDraw, Encoding, Posterior, PosteriorOptions } from './posterior.ts';
import type { Prior } from './prior.ts';

/**
 * KL(q(z|x) || p(z)) of an encoding and a draw from it: [batch, latent], or [batch, 1] where p(z) ties the dimensions.
 * Exact where both are Gaussians of independent dimensions (Kingma and Welling 2014, appendix B), else
 * log q(z|x) - log p(z) of the draw. Nats.
 */
export function divergenceFrom(kind: PosteriorOptions['posterior'], prior: Prior) {
  return (
    state: NamedTensors,
    encoding: Encoding,
    { z, logQ }: CodeDraw,
    condition?: tf.Tensor,
  ): tf.Tensor => {
    if (isExact(kind, prior)) return prior.divergence!(state, encoding, condition);
    const logP = prior.logProb(state, z, condition);
    return tf.sub(prior.factorised ? logQ : tf.sum(logQ, 1, true), logP);
  };
}

function isExact(kind: PosteriorOptions['posterior'], prior: Prior): boolean {
  return kind === 'gaussian' && prior.divergence !== undefined;
}

/** What a program of divergences is made of, besides the two distributions. */
interface DivergenceParts {
  readonly latent: number;
  readonly kind: PosteriorOptions['posterior'];
  /** Those of `logWeight`: `data`, `eps` and what the examples are binarised by, or told. */
  readonly inputs: ProgramSignature['inputs'];
  /** The inputs to examples as the encoder takes them, and to what it is told besides, [rows, width]. */
  given(state: NamedTensors, inputs: NamedTensors): { readonly x: tf.Tensor; readonly condition?: tf.Tensor };
}

/**
 * The program that says how far the posterior of each example is from the prior. Outputs: `divergence`,
 * KL(q(z|x) || p(z)) of each dimension of the code, or of the whole code, [1], where the prior ties its dimensions, nats
 * (`divergenceFrom`; it takes the noise `eps` only where that is an estimate); and `latent`, the code that no noise
 * gives, which is the mean of a Gaussian posterior.
 */
export function divergenceProgram(
  posterior: Posterior,
  prior: Prior,
  { latent, kind, inputs, given }: DivergenceParts,
): ModelProgram {
  const { eps, ...others } = inputs;
  const divergence = divergenceFrom(kind, prior);
  return {
    signature: {
      inputs: isExact(kind, prior) ? others : { ...others, eps: eps! },
      outputs: {
        latent: { dtype: 'float32', shape: [latent], meaning: 'latent' },
        divergence: { dtype: 'float32', shape: [prior.factorised ? latent : 1], meaning: 'other' },
      },
    },
    run: (state, values) => {
      const { x, condition } = given(state, values);
      const encoding = posterior.encode(state, x, condition);
      const drawn = posterior.draw(state, encoding, values.eps ?? tf.zerosLike(encoding.mean));
      return {
        latent: posterior.centre(state, encoding).mean, // [batch, latent]
        divergence: divergence(state, encoding, drawn, condition), // [batch, latent] or [batch, 1]
      };
    },
  };
}
