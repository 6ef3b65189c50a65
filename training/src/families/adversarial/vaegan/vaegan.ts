import { type NamedTensors, tf } from '@generatrix/export';
import type { InputSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import { measureScale } from '../../../core/data-scale.ts';
import { gradientModel } from '../../../core/gradient-model.ts';
import { lossAndGradients } from '../../../core/gradients.ts';
import type { Turn } from '../../../core/turn.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import type { NoiseSpec } from '../../../model/model.ts';
import { usedWith } from '../../../model/option-use.ts';
import { asKind, ofKind } from '../../../model/state.ts';
import { activations } from '../../../nn/activations.ts';
import { standardNormalDivergence, sumExamples } from '../../../nn/distributions.ts';
import { architectureRefuses, gaussianEncoder } from '../../../nn/encoder-decoder.ts';
import { newPass } from '../../../nn/module.ts';
import { runningMoments } from '../../../nn/normalisation.ts';
import { buildDiscriminator } from '../discriminator.ts';
import { buildGenerator } from '../generator.ts';
import { adversarialLosses } from '../losses.ts';
import { layersOf, type NetworkOptions } from '../networks.ts';

const options = z.strictObject({
  latent: z.number().int().min(1).max(4096).default(64).describe('dimensions of the latent code'),
  architecture: z
    .enum(['mlp', 'dcgan'])
    .default('mlp')
    .describe('mlp, or dcgan for images (strided convolutions)'),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([256, 256])
    .meta(
      usedWith({ architecture: 'mlp' }, 'widths of the hidden layers of the decoder, reversed in the others'),
    ),
  filters: z
    .array(z.number().int().min(1))
    .min(1)
    .max(6)
    .default([32, 64])
    .meta(
      usedWith(
        { architecture: 'dcgan' },
        'filters of the strided layers, from the image inwards, each halving its size',
      ),
    ),
  kernelSize: z
    .number()
    .int()
    .min(2)
    .max(9)
    .default(4)
    .meta(usedWith({ architecture: 'dcgan' }, 'width of the convolutions')),
  normalisation: z
    .enum(['none', 'batch'])
    .default('batch')
    .describe('of all layers but the first of the discriminator and the outputs'),
  gamma: z
    .number()
    .nonnegative()
    .default(1e-2)
    .describe("weight of the likelihood of features against the GAN loss in the decoder's update"),
  generatorLoss: z
    .enum(['minimax', 'non-saturating'])
    .default('non-saturating')
    .describe('of the decoder: the paper minimises log(1 - D), non-saturating maximises log D'),
});
export type VaeganOptions = z.infer<typeof options>;

/**
 * Autoencoding beyond pixels with a learned similarity metric (VAE-GAN): a VAE whose decoder is the generator of a GAN
 * and whose likelihood is taken in the features f of the discriminator D, not in pixels. With z = mu(x) + sigma(x) eps,
 * x~ = Dec(z), z_p ~ N(0, I) and x_p = Dec(z_p),
 *
 *   L_prior = KL(q(z|x) || p(z))                                      Larsen et al. 2016, eq. 4
 *   L_llike = -E_q[log N(f(x) | f(x~), I)]                            eq. 7 and 8, without its constant
 *   L_GAN   = log D(x) + log(1 - D(x~)) + log(1 - D(x_p))             eq. 10
 *
 * and three updates that see different parts of them (algorithm 1):
 *
 *   encoder        minimises  L_prior + L_llike
 *   decoder        minimises  gamma L_llike + L_GAN, in L_GAN its own terms, or -log D(x~) - log D(x_p)
 *   discriminator  maximises  L_GAN
 *
 * All three gradients are taken at the same parameters, so the compiled step shares one forward pass. Examples,
 * reconstructions and samples pass the discriminator as one batch: normalised apart, the mean difference of their
 * features would vanish (the GAN families here pass them apart). The paper's optimizer is RMSProp; this is Adam.
 */
function build(vaegan: VaeganOptions, { spec }: DataDescription): Trainable {
  const { latent, gamma } = vaegan;
  const shape = [...spec.shape];
  const networkOptions: NetworkOptions = {
    ...vaegan,
    generatorNormalisation: vaegan.normalisation,
    discriminatorNormalisation: vaegan.normalisation,
    minibatchKernels: 0,
    packing: 1,
  };
  const coder = {
    ...layersOf(networkOptions),
    hidden: vaegan.hidden.toReversed(),
    normalisation: vaegan.normalisation,
    activation: activations.relu,
  };
  const encoding = gaussianEncoder('encoder', latent, coder, shape);
  const encoder = {
    ...encoding,
    parameters: ofKind(encoding.specs, 'parameter'),
    statistics: ofKind(encoding.specs, 'statistic'),
  };
  const decoder = buildGenerator(networkOptions, spec, 0);
  const discriminator = buildDiscriminator(networkOptions, spec, {
    classes: 0,
    conditioning: 'none',
    bias: true,
  });
  const game = adversarialLosses[vaegan.generatorLoss];
  const players = { encoder, decoder, discriminator } as const;
  const normal: NoiseSpec = { distribution: 'normal', shape: [latent] };

  /** Every term of the losses, and the statistics of the batch. */
  const terms = (state: NamedTensors, x: tf.Tensor, eps: tf.Tensor, prior: tf.Tensor) => {
    const pass = newPass(true);
    const { mean, logStd } = encoder.apply(state, x, pass); // [batch, latent] each
    const code = tf.add(mean, tf.mul(tf.exp(logStd), eps));
    const made = decoder.apply(state, tf.concat([code, prior]), undefined, pass); // [2 batch, ...shape]
    const judged = discriminator.apply(state, tf.concat([x, made]), undefined, pass);
    const [real, reconstructed, sampled] = tf.split(judged.logits, 3) as Three; // [batch]
    const [f, g] = tf.split(judged.features, 3) as Three; // [batch, features]
    // The loss of one kind of fakes alone: that of examples counts once.
    const ofSamples = tf.mean(tf.softplus(sampled));
    const values = {
      divergence: tf.mean(sumExamples(standardNormalDivergence(mean, logStd))),
      featureError: tf.mul(0.5, tf.mean(sumExamples(tf.squaredDifference(f, g)))),
      discriminator: tf.add(game.discriminator(real, reconstructed, 1), ofSamples),
      generator: tf.add(game.generator(reconstructed), game.generator(sampled)),
      squaredError: tf.mean(tf.squaredDifference(x, tf.slice(made, 0, x.shape[0]!))),
      realProbability: tf.mean(tf.sigmoid(real)),
      sampleProbability: tf.mean(tf.sigmoid(sampled)),
    };
    return { values, statistics: runningMoments(state, [pass.moments]) };
  };

  const decode = (state: NamedTensors, code: tf.Tensor) =>
    decoder.apply(state, code, undefined, newPass(false));
  const encode = (state: NamedTensors, x: tf.Tensor) => encoder.apply(state, x, newPass(false));

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;
  const codeOutput = { dtype: 'float32', shape: [latent], meaning: 'latent' } as const;

  const turn: Turn = {
    players: Object.keys(players),
    run: (state, { data, noise }) => {
      const at = (current: NamedTensors) => terms(current, data, noise.eps!, noise.prior!);
      const coded = { ...encoder.parameters, ...decoder.parameters };
      const variational = lossAndGradients(state, coded, (current) => {
        const { values: metrics, statistics } = at(current);
        return { loss: tf.add(metrics.divergence, metrics.featureError), metrics, statistics };
      });
      const fooling = lossAndGradients(state, decoder.parameters, (current) => ({
        loss: at(current).values.generator,
      }));
      const judging = lossAndGradients(state, discriminator.parameters, (current) => ({
        loss: at(current).values.discriminator,
      }));
      // The prior's term does not depend on the decoder, so this is gamma times the likelihood's gradient.
      const decoding = Object.keys(decoder.parameters).map((name) => [
        name,
        tf.add(tf.mul(gamma, variational.gradients[name]!), fooling.gradients[name]!),
      ]);
      const { discriminator: loss, loss: _, ...others } = variational.metrics as Record<string, tf.Tensor>;
      return {
        gradients: {
          encoder: pick(variational.gradients, encoder.parameters),
          decoder: Object.fromEntries(decoding) as NamedTensors,
          discriminator: judging.gradients,
        },
        // As in the other adversarial families, `loss` is the discriminator's.
        metrics: { ...others, loss: loss! },
        statistics: variational.statistics,
      };
    },
  };

  return gradientModel({
    players,
    turns: [turn],
    state: {
      ...asKind('statistic', {
        ...encoder.statistics,
        ...decoder.statistics,
        ...discriminator.statistics,
      }),
      ...asKind('data', decoder.fixed),
    },
    initialise: measureScale,
    noise: { eps: normal, prior: normal },
    programs: {
      sample: {
        signature: {
          inputs: { z: { dtype: 'float32', shape: [latent], role: 'noise', distribution: 'normal' } },
          outputs: { data: dataOutput },
        },
        run: (state, { z: noise }) => ({ data: decode(state, noise!) }),
      },
      encode: {
        signature: {
          inputs: { data: dataInput },
          outputs: { latent: codeOutput, logStd: { ...codeOutput, meaning: 'other' } },
        },
        run: (state, { data }) => {
          const { mean, logStd } = encode(state, data!);
          return { latent: mean, logStd };
        },
      },
      decode: {
        signature: {
          inputs: { latent: { dtype: 'float32', shape: [latent], role: 'latent' } },
          outputs: { data: dataOutput },
        },
        run: (state, { latent: code }) => ({ data: decode(state, code!) }),
      },
      reconstruct: {
        // An output may not have an input's name.
        signature: { inputs: { data: dataInput }, outputs: { reconstruction: dataOutput } },
        run: (state, { data }) => ({ reconstruction: decode(state, encode(state, data!).mean) }),
      },
    },
  });
}

type Three = [tf.Tensor, tf.Tensor, tf.Tensor];

function pick(tensors: NamedTensors, names: Readonly<Record<string, unknown>>): NamedTensors {
  return Object.fromEntries(Object.keys(names).map((name) => [name, tensors[name]!]));
}

export const vaegan = defineFamily<VaeganOptions>({
  name: 'vaegan',
  title: 'VAE-GAN',
  taxonomy: ['implicit density', 'direct'],
  equation: 'KL(q(z | x) ‖ p(z)) − E log p(D_l(x) | z) + adversarial loss',
  sources: ['Larsen et al. 2016, arXiv:1512.09300'],
  options,
  defaults: { steps: 10_000, batchSize: 64, learningRate: 3e-4, beta1: 0.5 },
  refuses: ({ spec }, { architecture }) => architectureRefuses(architecture, spec),
  build,
  reproduce: {
    mnist: {
      summary: 'Convolutional VAE-GAN on MNIST, half an hour on a laptop',
      data: 'mnist',
      options: { architecture: 'dcgan', latent: 32 },
      training: { steps: 10_000, batchSize: 64, learningRate: 3e-4 },
      published: 'none on MNIST: the paper judges faces, by attributes',
    },
  },
});
