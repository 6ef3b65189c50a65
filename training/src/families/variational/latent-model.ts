import { type NamedTensors, tf } from '@generatrix/export';
import {
  type InputSpec,
  meanScalar,
  type NoiseOwner,
  type ProgramSignature,
  sizeOf,
} from '@generatrix/runtime/core';
import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import type { Model, ModelProgram, NoiseSpec } from '../../model/model.ts';
import type { StateSpecs } from '../../model/state.ts';
import { activations } from '../../nn/activations.ts';
import {
  bernoulliLogProb,
  binarise,
  normalLogProb,
  standardNormalDivergence,
  sumExamples,
} from '../../nn/distributions.ts';
import { architectureRefuses, type CoderOptions, decoderNetwork } from '../../nn/encoder-decoder.ts';
import { inference } from '../../nn/module.ts';
import { isUnitImage } from '../../nn/unit-image.ts';
import { architectureOptions } from './architecture-options.ts';
import { type CodeDraw, type Encoding, posteriorOf, posteriorOptions } from './posterior.ts';
import { priorOf, priorOptions, priorRefuses } from './prior.ts';

/** Options of every model of one layer of codes. */
export const latentOptions = {
  latent: z.number().int().min(1).max(4096).default(20).describe('dimensions of the latent code'),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([400, 400])
    .describe('widths of the hidden layers (mlp)'),
  ...architectureOptions,
  likelihood: z
    .enum(['bernoulli', 'gaussian'])
    .optional()
    .describe(
      'of the data given the code; default bernoulli for images (binarised anew each step), else gaussian',
    ),
  outputStd: z
    .number()
    .positive()
    .optional()
    .describe('fixed standard deviation of the gaussian likelihood; learned per dimension when absent'),
  ...posteriorOptions,
  ...priorOptions,
};

export type LatentOptions = z.infer<z.ZodObject<typeof latentOptions>>;

/** A model of one layer of codes, but for its loss. */
export interface LatentModel extends Pick<Model, 'initialise'> {
  readonly parameters: StateSpecs;
  /** Noise that examples are binarised by; none where the likelihood is Gaussian. */
  readonly binarisation: Readonly<Record<string, NoiseSpec>>;
  /** [batch, ...shape] and that noise to [batch, dimensions]. */
  prepare(x: tf.Tensor, uniform: tf.Tensor | undefined): tf.Tensor;
  encode(state: NamedTensors, x: tf.Tensor): Encoding;
  /** A code of q(z|x): noise [rows, latent] to z and log q of each dimension. */
  draw(state: NamedTensors, encoding: Encoding, eps: tf.Tensor): CodeDraw;
  /**
   * KL(q(z|x) || p(z)): [batch, latent], or [batch, 1] where p(z) ties the dimensions. Exact for Gaussians of
   * independent dimensions, else the estimate by the draw. Nats.
   */
  divergence(state: NamedTensors, encoding: Encoding, drawn: CodeDraw): tf.Tensor;
  /** log p(x|z): [rows, dimensions] and [rows, latent] to [rows]. Nats. */
  logLikelihood(state: NamedTensors, x: tf.Tensor, z: tf.Tensor): tf.Tensor;
  /** log p(z) of codes [rows, latent]: [rows]. Nats. */
  logPrior(state: NamedTensors, code: tf.Tensor): tf.Tensor;
  /** log p(x, z) - log q(z|x) at the code that the noise draws: [rows, dimensions], [rows, latent] to [rows]. Nats. */
  logWeight(state: NamedTensors, x: tf.Tensor, encoding: Encoding, eps: tf.Tensor): tf.Tensor;
  /** `sample`, `logWeight`, `encode` and `decode`. */
  readonly programs: Readonly<Record<string, ModelProgram>>;
}

/**
 * Prior p(z), N(0, I) or learned, encoder q(z|x), N(mu(x), sigma(x)^2) or a flow of it, and decoder p(x|z), Bernoulli or
 * Gaussian (Kingma and Welling 2014, appendix C): what VAEs and their kin share.
 */
export function latentModel(model: LatentOptions, data: DataDescription): LatentModel {
  const { latent } = model;
  const likelihood = model.likelihood ?? (data.spec.kind === 'image' ? 'bernoulli' : 'gaussian');
  const shape = [...data.spec.shape];
  const networks: CoderOptions = { ...model, activation: activations[model.activation] };
  const posterior = posteriorOf(model, networks, shape);
  const prior = priorOf(model, data, posterior.encode);
  const decoder = decoderNetwork('decoder', latent, networks, shape);
  const learnedStd = likelihood === 'gaussian' && model.outputStd === undefined;
  const parameters = {
    ...posterior.specs,
    ...decoder.specs,
    ...prior.specs,
    ...(learnedStd ? { 'decoder/logStd': { shape: [sizeOf(shape)], initial: -1 } } : {}),
  };
  const binary = likelihood === 'bernoulli';
  const binarisation: Record<string, NoiseSpec> = binary
    ? { uniform: { distribution: 'uniform', shape } }
    : {};

  /** [batch, ...shape] to [batch, dimensions], binarised where the likelihood asks for it. */
  const prepare = (x: tf.Tensor, uniform: tf.Tensor | undefined) =>
    tf.reshape(binary ? binarise(x, uniform!) : x, [x.shape[0]!, -1]);

  /** [batch, latent] to [batch, dimensions]: logits or means, by the likelihood. */
  const decode = (state: NamedTensors, z: tf.Tensor) =>
    tf.reshape(decoder.apply(state, z, inference), [z.shape[0]!, -1]);

  /** log p(x|z): [batch, dimensions] and [batch, latent] to [batch]. */
  const logLikelihood = (state: NamedTensors, x: tf.Tensor, z: tf.Tensor): tf.Tensor => {
    const output = decode(state, z); // [batch, dimensions]
    if (binary) return sumExamples(bernoulliLogProb(x, output));
    return sumExamples(normalLogProb(x, output, logStdOf(state)));
  };

  /** Log standard deviation of the gaussian likelihood, one for all dimensions or one for each. */
  const logStdOf = (state: NamedTensors): tf.Tensor =>
    learnedStd ? state['decoder/logStd']! : tf.scalar(Math.log(model.outputStd!));
  const logPrior = (state: NamedTensors, z: tf.Tensor) => sumExamples(prior.logProb(state, z));
  const logWeight = (state: NamedTensors, x: tf.Tensor, encoding: Encoding, eps: tf.Tensor) => {
    const { z, logQ } = posterior.draw(state, encoding, eps);
    const joint = tf.add(logLikelihood(state, x, z), logPrior(state, z));
    return tf.sub(joint, sumExamples(logQ));
  };
  const exact = model.posterior === 'gaussian' && model.prior === 'normal';
  const divergence = (state: NamedTensors, { mean, logStd }: Encoding, { z, logQ }: CodeDraw) => {
    if (exact) return standardNormalDivergence(mean, logStd);
    const logP = prior.logProb(state, z);
    return tf.sub(prior.factorised ? logQ : tf.sum(logQ, 1, true), logP);
  };

  const shaped = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, ...shape]);
  /** The mean of p(x|z): [batch, dimensions]. */
  const meanOf = (state: NamedTensors, z: tf.Tensor) => {
    const output = decode(state, z);
    return binary ? tf.sigmoid(output) : output;
  };
  /** A draw from p(x|z), or, where the scalar `mean` is 1, its mean: [batch, ...shape]. */
  const observe = (state: NamedTensors, z: tf.Tensor, noise: tf.Tensor, mean: tf.Tensor) => {
    const centre = meanOf(state, z);
    const flatNoise = tf.reshape(noise, centre.shape);
    const drawn = binary
      ? binarise(centre, flatNoise)
      : tf.add(centre, tf.mul(tf.exp(logStdOf(state)), flatNoise));
    return shaped(tf.where(tf.broadcastTo(tf.greater(mean, 0), centre.shape), centre, drawn));
  };

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const noiseInput = (
    { distribution, shape }: NoiseSpec,
    belongsTo?: NoiseOwner,
  ): InputSpec & { role: 'noise' } => ({
    dtype: 'float32',
    shape,
    role: 'noise',
    distribution,
    ...(belongsTo === undefined ? {} : { belongsTo }),
  });
  const eps: NoiseSpec = { distribution: 'normal', shape: [latent] };
  const scoreInputs: ProgramSignature['inputs'] = {
    data: dataInput,
    eps: noiseInput(eps, 'estimate'),
    ...(binary ? { uniform: noiseInput(binarisation.uniform!, 'example') } : {}),
  };
  const sampleInputs: ProgramSignature['inputs'] = {
    z: noiseInput(eps),
    ...Object.fromEntries(Object.entries(prior.noise).map(([name, spec]) => [name, noiseInput(spec)])),
    observation: {
      ...noiseInput({ distribution: binary ? 'uniform' : 'normal', shape }),
      unless: meanScalar,
    },
    // Images are shown as means by custom: a draw adds noise that every pixel has by itself.
    [meanScalar]: {
      dtype: 'float32',
      shape: [],
      role: 'scalar',
      default: data.spec.kind === 'image' ? 1 : 0,
      min: 0,
      max: 1,
    },
  };
  const imageOutput = { data: { dtype: 'float32', shape, meaning: 'data' } } as const;
  const codeOutput = { dtype: 'float32', shape: [latent], meaning: 'latent' } as const;

  return {
    parameters,
    ...(prior.initialise && { initialise: prior.initialise }),
    binarisation,
    prepare,
    encode: posterior.encode,
    draw: posterior.draw,
    divergence,
    logLikelihood,
    logPrior,
    logWeight,
    programs: {
      sample: {
        signature: { inputs: sampleInputs, outputs: imageOutput },
        run: (state, { z, observation, [meanScalar]: mean, ...noise }) => ({
          data: observe(state, prior.draw(state, z!, noise), observation!, mean!),
        }),
      },
      logWeight: {
        signature: {
          inputs: scoreInputs,
          outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } },
        },
        run: (state, { data: x, eps: noise, uniform }) => {
          const flat = prepare(x!, uniform);
          return { logWeight: logWeight(state, flat, posterior.encode(state, flat), noise!) };
        },
      },
      encode: {
        signature: {
          inputs: { data: dataInput },
          outputs: { latent: codeOutput, logStd: { ...codeOutput, meaning: 'other' } },
        },
        run: (state, { data: x }) => {
          const { mean, logStd } = posterior.centre(state, posterior.encode(state, x!));
          return { latent: mean, logStd };
        },
      },
      decode: {
        signature: {
          inputs: { latent: { dtype: 'float32', shape: [latent], role: 'latent' } },
          outputs: imageOutput,
        },
        run: (state, { latent: z }) => ({ data: shaped(meanOf(state, z!)) }),
      },
    },
  };
}

/** Why such a model does not fit the data, in one line, or null. */
export function latentRefuses(data: DataDescription, model: LatentOptions): string | null {
  return (
    architectureRefuses(model.architecture, data.spec) ?? bernoulliRefuses(data, model) ?? priorRefuses(model)
  );
}

function bernoulliRefuses({ spec }: DataDescription, { likelihood }: LatentOptions): string | null {
  if (likelihood !== 'bernoulli') return null;
  return isUnitImage(spec)
    ? null
    : 'likelihood bernoulli needs images with values in [0, 1]; use likelihood gaussian';
}
