import { type NamedTensors, tf } from '@generatrix/export';
import {
  type ColumnSpan,
  type InputSpec,
  meanScalar,
  type NoiseOwner,
  type ProgramSignature,
} from '@generatrix/runtime/core';
import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import type { Model, ModelProgram, NoiseSpec } from '../../model/model.ts';
import { usedWith } from '../../model/option-use.ts';
import type { StateSpecs } from '../../model/state.ts';
import { activations } from '../../nn/activations.ts';
import { binarise, sumExamples } from '../../nn/distributions.ts';
import { architectureRefuses, type CoderOptions, decoderNetwork } from '../../nn/encoder-decoder.ts';
import { inference } from '../../nn/module.ts';
import { isUnitImage } from '../../nn/unit-image.ts';
import { architectureOptions } from './architecture-options.ts';
import { divergenceFrom, divergenceProgram } from './divergence.ts';
import { likelihoodOf } from './likelihood-of.ts';
import { beside, type CodeDraw, type Encoding, posteriorOf, posteriorOptions } from './posterior.ts';
import { conditionalPrior, priorOf, priorOptions, priorRefuses } from './prior.ts';

/** Options of the code and of the networks from the data to it and back. */
export const coderOptions = {
  latent: z.number().int().min(1).max(4096).default(20).describe('dimensions of the latent code'),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([400, 400])
    .meta(usedWith({ architecture: 'mlp' }, 'widths of the hidden layers')),
  ...architectureOptions,
};

/** Options of every model of one layer of codes. */
export const codeOptions = {
  ...coderOptions,
  likelihood: z
    .enum(['bernoulli', 'gaussian'])
    .optional()
    .describe(
      'of the data given the code; default bernoulli for images (binarised anew each step), by columns for tables, else gaussian',
    ),
  outputStd: z
    .number()
    .positive()
    .optional()
    .describe('fixed standard deviation of the gaussian likelihood; learned per dimension when absent'),
  ...posteriorOptions,
};

/** Options of those whose prior is that of all examples. */
export const latentOptions = { ...codeOptions, ...priorOptions };

export type LatentOptions = z.infer<z.ZodObject<typeof latentOptions>>;
type CoderSettings = z.infer<z.ZodObject<typeof coderOptions>>;

/** What a model is told of each example besides: a class, a part of an image. */
export interface Conditioning {
  readonly specs: StateSpecs;
  /** Values for each example, which join the encoder's features and the code. */
  readonly width: number;
  /** Column of a table that repeats it: it has these values in what is drawn. */
  readonly repeated?: ColumnSpan | undefined;
  /** Inputs of every program that say it. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Those inputs, for so many rows, to [rows, width]. */
  of(state: NamedTensors, inputs: NamedTensors, rows: number): tf.Tensor;
}

/** A model of one layer of codes, but for its loss. Where nothing is told, there is no condition. */
export interface LatentModel extends Pick<Model, 'initialise'> {
  readonly parameters: StateSpecs;
  /** Noise that examples are binarised by; none where the likelihood is Gaussian. */
  readonly binarisation: Readonly<Record<string, NoiseSpec>>;
  /** [batch, ...shape] and that noise to [batch, dimensions]. */
  prepare(x: tf.Tensor, uniform: tf.Tensor | undefined): tf.Tensor;
  encode(state: NamedTensors, x: tf.Tensor, condition?: tf.Tensor): Encoding;
  /** A code of q(z|x): noise [rows, latent] to z and log q of each dimension. */
  draw(state: NamedTensors, encoding: Encoding, eps: tf.Tensor): CodeDraw;
  /**
   * KL(q(z|x) || p(z)): [batch, latent], or [batch, 1] where p(z) ties the dimensions. Exact for Gaussians of
   * independent dimensions, else the estimate by the draw. Nats.
   */
  divergence(state: NamedTensors, encoding: Encoding, drawn: CodeDraw, condition?: tf.Tensor): tf.Tensor;
  /** log p(x|z) of each value: [rows, dimensions] and [rows, latent] to [rows, dimensions]. Nats. */
  logLikelihoods(state: NamedTensors, x: tf.Tensor, z: tf.Tensor, condition?: tf.Tensor): tf.Tensor;
  /** log p(z) of codes [rows, latent]: [rows]. Nats. */
  logPrior(state: NamedTensors, code: tf.Tensor, condition?: tf.Tensor): tf.Tensor;
  /** log p(x, z) - log q(z|x) of a code drawn from q(z|x): [rows, dimensions] to [rows]. Nats. */
  logWeight(state: NamedTensors, x: tf.Tensor, drawn: CodeDraw, condition?: tf.Tensor): tf.Tensor;
  /** Noise of the prior, of `sampleInputs`, to codes [rows, latent]. */
  drawPrior(state: NamedTensors, noise: NamedTensors, condition?: tf.Tensor): tf.Tensor;
  /**
   * A draw from p(x|z), or, where the scalar `mean` is 1, its mean: [batch, ...shape].
   * @param noise that of `sampleInputs`, with the scalar
   */
  observe(state: NamedTensors, z: tf.Tensor, noise: NamedTensors, condition?: tf.Tensor): tf.Tensor;
  /** The noise of the code, what the prior takes besides, and that of the observation, with the scalar `mean`. */
  readonly sampleInputs: ProgramSignature['inputs'];
  /** `sample`, `logWeight`, `encode`, `divergence` and `decode`. */
  readonly programs: Readonly<Record<string, ModelProgram>>;
}

/**
 * Prior p(z), N(0, I) or learned, encoder q(z|x), N(mu(x), sigma(x)^2) or a flow of it, and decoder p(x|z), Bernoulli or
 * Gaussian (Kingma and Welling 2014, appendix C): what VAEs and their kin share.
 * @param conditioning what the model is told besides; its prior is then p(z|c), Gaussian
 */
export function latentModel(
  model: LatentOptions,
  data: DataDescription,
  conditioning?: Conditioning,
): LatentModel {
  const { latent } = model;
  const likelihood = likelihoodOf(model, data, conditioning?.repeated);
  const shape = [...data.spec.shape];
  const networks = networksOf(model);
  const told = conditioning?.width ?? 0;
  const posterior = posteriorOf(model, networks, shape, told);
  const prior = told > 0 ? conditionalPrior(latent, told) : priorOf(model, data, posterior.encode);
  const decoder = decoderNetwork('decoder', latent + told, networks, shape);
  const parameters = {
    ...posterior.specs,
    ...decoder.specs,
    ...prior.specs,
    ...conditioning?.specs,
    ...likelihood.specs,
  };
  const { binarisation } = likelihood;
  const binary = binarisation.uniform !== undefined;

  /** [batch, ...shape] to [batch, dimensions], binarised where the likelihood asks for it. */
  const prepare = (x: tf.Tensor, uniform: tf.Tensor | undefined) =>
    tf.reshape(binary ? binarise(x, uniform!) : x, [x.shape[0]!, -1]);

  /** [batch, latent] to [batch, dimensions]: what the likelihood takes, such as logits or means. */
  const decode = (state: NamedTensors, z: tf.Tensor, condition: tf.Tensor | undefined) =>
    tf.reshape(decoder.apply(state, beside(z, condition), inference), [z.shape[0]!, -1]);

  const logLikelihoods: LatentModel['logLikelihoods'] = (state, x, z, condition) =>
    likelihood.logProbs(state, x, decode(state, z, condition), condition);
  const logPrior: LatentModel['logPrior'] = (state, z, condition) =>
    sumExamples(prior.logProb(state, z, condition));
  const logWeight: LatentModel['logWeight'] = (state, x, { z, logQ }, condition) => {
    const likelihood = sumExamples(logLikelihoods(state, x, z, condition));
    return tf.sub(tf.add(likelihood, logPrior(state, z, condition)), sumExamples(logQ));
  };
  const divergence = divergenceFrom(model.posterior, prior);
  const shaped = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, ...shape]);
  const observe: LatentModel['observe'] = (state, z, noise, condition) => {
    const output = decode(state, z, condition);
    const centre = likelihood.mean(output, condition);
    const drawn = likelihood.draw(state, output, noise, condition);
    return shaped(tf.where(tf.broadcastTo(tf.greater(noise[meanScalar]!, 0), centre.shape), centre, drawn));
  };
  /** What the program's inputs tell of as many examples as the tensor has rows. */
  const conditionOf = (state: NamedTensors, inputs: NamedTensors, { shape: [rows] }: tf.Tensor) =>
    conditioning?.of(state, inputs, rows!);

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const eps: NoiseSpec = { distribution: 'normal', shape: [latent] };
  const scoreInputs: ProgramSignature['inputs'] = {
    data: dataInput,
    eps: noiseInput(eps, 'estimate'),
    ...(binary ? { uniform: noiseInput(binarisation.uniform!, 'example') } : {}),
    ...conditioning?.inputs,
  };
  const sampleInputs: ProgramSignature['inputs'] = {
    [prior.drawnFrom]: noiseInput(eps),
    ...Object.fromEntries(Object.entries(prior.noise).map(([name, spec]) => [name, noiseInput(spec)])),
    ...Object.fromEntries(
      Object.entries(likelihood.noise).map(([name, spec]) => [
        name,
        { ...noiseInput(spec), unless: meanScalar },
      ]),
    ),
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
    logLikelihoods,
    logPrior,
    logWeight,
    drawPrior: (state, noise, condition) => prior.draw(state, noise[prior.drawnFrom]!, noise, condition),
    observe,
    sampleInputs,
    programs: {
      sample: {
        signature: { inputs: { ...sampleInputs, ...conditioning?.inputs }, outputs: imageOutput },
        run: (state, inputs) => {
          const { [prior.drawnFrom]: noise } = inputs;
          const condition = conditionOf(state, inputs, noise!);
          const code = prior.draw(state, noise!, inputs, condition);
          return { data: observe(state, code, inputs, condition) };
        },
      },
      logWeight: {
        signature: {
          inputs: scoreInputs,
          outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } },
        },
        run: (state, inputs) => {
          const flat = prepare(inputs.data!, inputs.uniform);
          const condition = conditionOf(state, inputs, flat);
          const drawn = posterior.draw(state, posterior.encode(state, flat, condition), inputs.eps!);
          return { logWeight: logWeight(state, flat, drawn, condition) };
        },
      },
      encode: {
        signature: {
          inputs: { data: dataInput, ...conditioning?.inputs },
          outputs: { latent: codeOutput, logStd: { ...codeOutput, meaning: 'other' } },
        },
        run: (state, inputs) => {
          const x = inputs.data!;
          const encoding = posterior.encode(state, x, conditionOf(state, inputs, x));
          const { mean, logStd } = posterior.centre(state, encoding);
          return { latent: mean, logStd };
        },
      },
      divergence: divergenceProgram(posterior, prior, {
        ...{ latent, kind: model.posterior, inputs: scoreInputs },
        given: (state, inputs) => {
          const x = prepare(inputs.data!, inputs.uniform);
          return { x, condition: conditionOf(state, inputs, x) };
        },
      }),
      decode: {
        signature: {
          inputs: {
            latent: { dtype: 'float32', shape: [latent], role: 'latent' },
            ...conditioning?.inputs,
          },
          outputs: imageOutput,
        },
        run: (state, inputs) => {
          const z = inputs.latent!;
          const condition = conditionOf(state, inputs, z);
          return { data: shaped(likelihood.mean(decode(state, z, condition), condition)) };
        },
      },
    },
  };
}

/** The networks that the options describe. */
export function networksOf(model: CoderSettings): CoderOptions {
  return { ...model, activation: activations[model.activation] };
}

/** Noise as an input of a program. */
export function noiseInput(
  { distribution, shape }: NoiseSpec,
  belongsTo?: NoiseOwner,
): InputSpec & { role: 'noise' } {
  return {
    dtype: 'float32',
    shape,
    role: 'noise',
    distribution,
    ...(belongsTo === undefined ? {} : { belongsTo }),
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
