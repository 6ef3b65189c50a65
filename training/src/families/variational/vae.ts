import { type NamedTensors, tf } from '@generatrix/export';
import {
  type InputSpec,
  meanScalar,
  type NoiseOwner,
  type ProgramSignature,
  sizeOf,
} from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { NoiseSpec } from '../../model/model.ts';
import { activations } from '../../nn/activations.ts';
import {
  bernoulliLogProb,
  binarise,
  normalLogProb,
  standardNormalDivergence,
  standardNormalLogProb,
  sumExamples,
} from '../../nn/distributions.ts';
import {
  architectureRefuses,
  type CoderOptions,
  decoderNetwork,
  gaussianEncoder,
} from '../../nn/encoder-decoder.ts';
import { declared, inference } from '../../nn/module.ts';

const options = z.strictObject({
  latent: z.number().int().min(1).max(4096).default(20).describe('dimensions of the latent code'),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([400, 400])
    .describe('widths of the hidden layers (mlp)'),
  architecture: z
    .enum(['mlp', 'conv'])
    .default('mlp')
    .describe('mlp, or conv for images (two strided layers)'),
  filters: z
    .array(z.number().int().min(1))
    .length(2)
    .default([32, 64])
    .describe('filters of the two layers (conv)'),
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
  beta: z.number().nonnegative().default(1).describe('weight of the KL term (beta-VAE); 1 is the ELBO'),
});
export type VaeOptions = z.infer<typeof options>;

/**
 * Variational autoencoder. With prior p(z) = N(0, I), encoder q(z|x) = N(mu(x), sigma(x)^2) and decoder p(x|z):
 *
 *   ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))             Kingma and Welling 2014, eq. 3 and 10
 *   loss    = -mean over the batch of (E_q[log p(x|z)] - beta KL)       Higgins et al. 2017, eq. 4
 *
 * with one reparameterised draw z = mu + sigma * eps, eps ~ N(0, I). The KL term is exact.
 */
function build(vae: VaeOptions, data: DataDescription): Trainable {
  const { latent, beta } = vae;
  const likelihood = vae.likelihood ?? (data.spec.kind === 'image' ? 'bernoulli' : 'gaussian');
  const shape = [...data.spec.shape];
  const networks: CoderOptions = { ...vae, activation: activations.relu };
  const encoder = gaussianEncoder('encoder', latent, networks, shape);
  const decoder = decoderNetwork('decoder', latent, networks, shape);
  const learnedStd = likelihood === 'gaussian' && vae.outputStd === undefined;
  const parameters = {
    ...declared([encoder, decoder]).specs,
    ...(learnedStd ? { 'decoder/logStd': { shape: [sizeOf(shape)], initial: -1 } } : {}),
  };
  const binary = likelihood === 'bernoulli';
  const binarisation: Record<string, NoiseSpec> = binary
    ? { uniform: { distribution: 'uniform', shape } }
    : {};

  /** [batch, ...shape] to [batch, dimensions], binarised where the likelihood asks for it. */
  const prepare = (x: tf.Tensor, uniform: tf.Tensor | undefined) =>
    tf.reshape(binary ? binarise(x, uniform!) : x, [x.shape[0]!, -1]);

  const encode = (state: NamedTensors, x: tf.Tensor) => encoder.apply(state, x, inference);
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
    learnedStd ? state['decoder/logStd']! : tf.scalar(Math.log(vae.outputStd!));
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

  const loss = (state: NamedTensors, x: tf.Tensor, eps: tf.Tensor) => {
    const { mean, logStd } = encode(state, x); // [batch, latent] each
    const z = tf.add(mean, tf.mul(tf.exp(logStd), eps));
    const reconstruction = tf.mean(logLikelihood(state, x, z));
    const divergence = tf.mean(sumExamples(standardNormalDivergence(mean, logStd)));
    const elbo = tf.sub(reconstruction, divergence);
    return { loss: tf.sub(tf.mul(beta, divergence), reconstruction), metrics: { elbo, divergence } };
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

  return gradientModel({
    parameters,
    noise: { eps, ...binarisation },
    loss: (state, { data: x, noise }) => loss(state, prepare(x, noise.uniform), noise.eps!),
    programs: {
      sample: {
        signature: { inputs: sampleInputs, outputs: imageOutput },
        run: (state, { z, observation, [meanScalar]: mean }) => ({
          data: observe(state, z!, observation!, mean!),
        }),
      },
      logWeight: {
        signature: {
          inputs: scoreInputs,
          outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } },
        },
        run: (state, { data: x, eps: noise, uniform }) => {
          const flat = prepare(x!, uniform);
          const { mean, logStd } = encode(state, flat);
          const z = tf.add(mean, tf.mul(tf.exp(logStd), noise!));
          const joint = tf.add(logLikelihood(state, flat, z), sumExamples(standardNormalLogProb(z)));
          // log q(z|x) in terms of eps, so that the deviation is not computed back from z.
          const posterior = sumExamples(tf.sub(standardNormalLogProb(noise!), logStd));
          return { logWeight: tf.sub(joint, posterior) };
        },
      },
      encode: {
        signature: {
          inputs: { data: dataInput },
          outputs: { latent: codeOutput, logStd: { ...codeOutput, meaning: 'other' } },
        },
        run: (state, { data: x }) => {
          const { mean, logStd } = encode(state, x!);
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
  });
}

export const vae = defineFamily<VaeOptions>({
  name: 'vae',
  title: 'Variational autoencoder',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  sources: [
    'Kingma and Welling 2014, arXiv:1312.6114',
    'Higgins et al. 2017 (beta)',
    'Burda et al. 2016, arXiv:1509.00519 (importance-weighted bound)',
  ],
  options,
  defaults: { steps: 2000, batchSize: 100, learningRate: 1e-3 },
  refuses: (data, vae) => architectureRefuses(vae.architecture, data.spec) ?? bernoulliRefuses(data, vae),
  build,
  reproduce: {
    mnist: {
      summary: 'MLP VAE on dynamically binarized MNIST',
      data: 'mnist',
      options: { latent: 20, hidden: [400, 400] },
      training: { steps: 60_000, batchSize: 100 },
      published:
        'none for an MLP; ELBO of -86.77 nats or better for a residual convolutional VAE, dynamic binarization, test split (pytorch-generative, README and models/vae/vae.py)',
    },
    'mnist-conv': {
      summary: 'Convolutional VAE on dynamically binarized MNIST',
      data: 'mnist',
      options: { latent: 32, architecture: 'conv' },
      training: { steps: 60_000, batchSize: 100 },
      published:
        'for residual convolutional VAEs, test split: ELBO of -86.77 nats or better (pytorch-generative, README); ELBO of -84.08 and log p of -81.08 (Kingma et al. 2016, table 1; not checked)',
    },
  },
});

function bernoulliRefuses({ spec }: DataDescription, { likelihood }: VaeOptions): string | null {
  if (likelihood !== 'bernoulli') return null;
  const inRange = spec.kind === 'image' && spec.range[0] === 0 && spec.range[1] === 1;
  return inRange ? null : 'likelihood bernoulli needs images with values in [0, 1]; use likelihood gaussian';
}
