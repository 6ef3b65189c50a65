import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { Dataset } from '../../data/dataset.ts';
import type { DataDescription } from '../../model/family.ts';
import type { NoiseSpec } from '../../model/model.ts';
import { usedWith } from '../../model/option-use.ts';
import type { HostState, StateSpecs } from '../../model/state.ts';
import {
  normalDivergence,
  normalLogProb,
  standardNormalDivergence,
  standardNormalLogProb,
  sumExamples,
} from '../../nn/distributions.ts';
import { gaussianHead } from '../../nn/encoder-decoder.ts';
import { inference } from '../../nn/module.ts';
import { isUnitImage } from '../../nn/unit-image.ts';
import { actnorm, type Bijection, chain } from '../flow/bijection.ts';
import { mlpConditioner } from '../flow/conditioner.ts';
import { splitCoupling } from '../flow/coupling.ts';
import type { Encoding } from './posterior.ts';

/** Options of the distribution p(z) of codes. */
export const priorOptions = {
  prior: z
    .enum(['normal', 'vamp', 'flow'])
    .default('normal')
    .describe(
      'distribution of codes: standard normal, the mixture of posteriors of learned pseudo-inputs (vamp), or a learned flow of affine couplings',
    ),
  pseudoInputs: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .meta(usedWith({ prior: 'vamp' }, 'components of the mixture')),
  priorCouplings: z
    .number()
    .int()
    .min(1)
    .max(32)
    .default(4)
    .meta(usedWith({ prior: 'flow' }, 'couplings of the flow')),
  priorHidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([128, 128])
    .meta(usedWith({ prior: 'flow' }, 'widths of the hidden layers of each coupling')),
};
export type PriorOptions = z.infer<z.ZodObject<typeof priorOptions>>;

/** The distribution p(z). */
export interface Prior {
  readonly specs: StateSpecs;
  /**
   * Name of the standard normal noise that a draw is made of: `z`, by which programs say that the noise is the code, or
   * `priorNoise`, where the prior makes the code of it.
   */
  readonly drawnFrom: 'z' | 'priorNoise';
  /** Noise that a draw takes besides. */
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** Whether the dimensions are independent: then log p(z) has a term for each. */
  readonly factorised: boolean;
  /** log p(z) of codes [rows, latent]: [rows, latent] where it is factorised, else [rows, 1]. Nats. */
  logProb(state: NamedTensors, code: tf.Tensor, condition?: tf.Tensor): tf.Tensor;
  /** Standard normal noise [rows, latent], and the noise declared, to codes [rows, latent]. */
  draw(state: NamedTensors, eps: tf.Tensor, noise: NamedTensors, condition?: tf.Tensor): tf.Tensor;
  /** KL(q || p(z)) of Gaussians q in closed form, where there is one: [rows, latent]. Nats. */
  divergence?(state: NamedTensors, q: Encoding, condition?: tf.Tensor): tf.Tensor;
  /** What the data says of the start. */
  initialise?(state: HostState, dataset: Dataset, seed: number): Promise<HostState>;
}

type Encode = (state: NamedTensors, x: tf.Tensor) => Encoding;

/**
 * The prior that the options name.
 * @param encode the mean and deviation of a Gaussian posterior, which `vamp` is made of
 */
export function priorOf(
  options: PriorOptions & { readonly latent: number },
  data: DataDescription,
  encode: Encode,
): Prior {
  if (options.prior === 'vamp') return vampPrior(options.pseudoInputs, data, encode);
  if (options.prior === 'flow') return flowPrior(options);
  return {
    specs: {},
    drawnFrom: 'z',
    noise: {},
    factorised: true,
    logProb: (_, code) => standardNormalLogProb(code),
    draw: (_, eps) => eps,
    divergence: (_, { mean, logStd }) => standardNormalDivergence(mean, logStd),
  };
}

/** p(z|c), a Gaussian whose mean and deviation are linear in the condition (Sohn et al. 2015, section 4.1). */
export function conditionalPrior(latent: number, conditionWidth: number): Prior {
  const head = gaussianHead('prior', conditionWidth, latent);
  const momentsOf = (state: NamedTensors, condition: tf.Tensor | undefined) =>
    head.apply(state, condition!, inference); // [rows, latent] each
  return {
    specs: head.specs,
    drawnFrom: 'priorNoise',
    noise: {},
    factorised: true,
    logProb: (state, code, condition) => {
      const { mean, logStd } = momentsOf(state, condition);
      return normalLogProb(code, mean, logStd);
    },
    draw: (state, eps, _, condition) => {
      const { mean, logStd } = momentsOf(state, condition);
      return tf.add(mean, tf.mul(tf.exp(logStd), eps));
    },
    divergence: (state, q, condition) => normalDivergence(q, momentsOf(state, condition)),
  };
}

const pseudoInputs = 'prior/pseudoInputs';
const component = 'component';

/**
 * Variational mixture of posteriors (Tomczak and Welling 2018, eq. 9): p(z) = 1/K sum_k q(z | u_k) over K pseudo-inputs
 * u_k, which are parameters. They start as examples, and stay in [0, 1] where those are images.
 */
function vampPrior(count: number, { spec }: DataDescription, encode: Encode): Prior {
  const dimensions = sizeOf(spec.shape);
  const unit = isUnitImage(spec);
  /** The components: [K, latent] each. */
  const components = (state: NamedTensors) => {
    const inputs = state[pseudoInputs]!;
    return encode(state, unit ? tf.clipByValue(inputs, 0, 1) : inputs);
  };
  return {
    specs: {
      [pseudoInputs]: { shape: [count, dimensions], initial: { distribution: 'normal', scale: 1 } },
    },
    drawnFrom: 'priorNoise',
    noise: { [component]: { distribution: 'uniform', shape: [1] } },
    factorised: false,
    logProb: (state, code) => {
      const { mean, logStd } = components(state);
      const [means, logStds] = [tf.expandDims(mean, 0), tf.expandDims(logStd, 0)]; // [1, K, latent]
      const each = tf.sum(normalLogProb(tf.expandDims(code, 1), means, logStds), 2); // [rows, K]
      return tf.expandDims(tf.sub(tf.logSumExp(each, 1), Math.log(count)), 1);
    },
    draw: (state, eps, noise) => {
      const { mean, logStd } = components(state);
      const index = tf.reshape(tf.cast(tf.floor(tf.mul(noise[component]!, count)), 'int32'), [-1]); // [rows]
      const chosen = (table: tf.Tensor) => tf.gather(table, index as tf.Tensor1D); // [rows, latent]
      return tf.add(chosen(mean), tf.mul(tf.exp(chosen(logStd)), eps));
    },
    initialise: async (state, dataset) => {
      const { data } = await dataset.gather(
        Array.from({ length: count }, (_, i) => Math.floor((i * dataset.size) / count)),
      );
      const inputs = hostTensor('float32', [count, dimensions], Float32Array.from(data));
      return { ...state, [pseudoInputs]: inputs };
    },
  };
}

/** Affine couplings from the code to standard normal noise, which change the halves of the code in turn (Dinh et al. 2017). */
function flowPrior({
  latent,
  priorCouplings,
  priorHidden,
}: PriorOptions & { readonly latent: number }): Prior {
  const widths = [Math.ceil(latent / 2), Math.floor(latent / 2)] as const;
  const flow: Bijection = chain(
    Array.from({ length: priorCouplings }, (_, i) => [
      actnorm(`prior/${i}/norm`, latent),
      splitCoupling(`prior/${i}`, {
        kind: 'affine',
        widths,
        changes: i % 2 === 0 ? 'second' : 'first',
        conditioner: mlpConditioner(priorHidden, 'spread'),
      }),
    ]).flat(),
  );
  return {
    specs: flow.specs,
    drawnFrom: 'priorNoise',
    noise: {},
    factorised: false,
    logProb: (state, code) => {
      const { y, logDet } = flow.forward(state, code);
      return tf.expandDims(tf.add(sumExamples(standardNormalLogProb(y)), logDet), 1);
    },
    draw: (state, eps) => flow.inverse(state, eps),
  };
}

/** Why such a prior cannot be had, in one line, or null. */
export function priorRefuses({
  prior,
  posterior,
  latent,
}: Pick<PriorOptions, 'prior'> & { readonly posterior: string; readonly latent: number }): string | null {
  if (prior === 'vamp' && posterior !== 'gaussian') {
    return `prior vamp is a mixture of Gaussian posteriors, not of posterior ${posterior}; use prior flow or posterior gaussian`;
  }
  if (prior === 'flow' && latent < 2) return 'prior flow needs a latent of at least 2 dimensions';
  return null;
}
