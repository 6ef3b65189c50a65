import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { type GradientPhase, gradientModel } from '../../core/gradient-model.ts';
import { lossAndGradients } from '../../core/gradients.ts';
import type { Player, Turn, TurnResult } from '../../core/turn.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { Model, NoiseSpec } from '../../model/model.ts';
import { usedWith } from '../../model/option-use.ts';
import { activations } from '../../nn/activations.ts';
import { type CoderOptions, decoderNetwork, deterministicEncoder } from '../../nn/encoder-decoder.ts';
import { declared, inference, newPass, type Pass } from '../../nn/module.ts';
import { reconstructionOf } from '../variational/reconstruction.ts';
import { discrepancy, squaredDiscrepancy } from './mmd.ts';

const options = z.strictObject({
  latent: z.number().int().min(1).max(4096).default(10).describe('dimensions of the prior'),
  prior: z.enum(['uniform', 'normal']).default('uniform').describe('uniform on [-1, 1], or standard normal'),
  hidden: z
    .array(z.number().int().min(1))
    .min(1)
    .default([64, 256, 256, 1024])
    .describe('widths of the generator'),
  space: z
    .enum(['data', 'code'])
    .default('data')
    .describe("where moments match: in the data, or in an autoencoder's code (GMMN+AE)"),
  objective: z
    .enum(['root', 'square'])
    .default('root')
    .describe('root of the discrepancy, whose gradient does not fade, or its square'),
  bandwidths: z
    .array(z.number().positive())
    .min(1)
    .optional()
    .describe(
      'sigma of each kernel exp(-|x - y|^2 / (2 sigma)); default 2,5,10,20,40,80 for images, 1 for codes, ' +
        '0.02,0.1,0.5,2.5,12.5 for points',
    ),
  code: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(32)
    .meta(usedWith({ space: 'code' }, 'dimensions of the code')),
  codeHidden: z
    .array(z.number().int().min(1))
    .default([1024])
    .meta(usedWith({ space: 'code' }, "widths of the autoencoder's hidden layers")),
  dropout: z
    .array(z.number().min(0).lt(1))
    .default([0.2, 0.5])
    .meta(
      usedWith({ space: 'code' }, 'share dropped of the inputs of each of the encoder layers, first to last'),
    ),
  autoencoderSteps: z
    .number()
    .int()
    .min(0)
    .default(0)
    .meta(
      usedWith(
        { space: 'code' },
        'the autoencoder learns in the first so many steps, the generator after them; 0: both all the time',
      ),
    ),
});
export type GmmnOptions = z.infer<typeof options>;

/**
 * Generative moment matching network: samples x = f(h), h ~ U(-1, 1), of a network f that minimises the maximum mean
 * discrepancy between a batch of samples and a batch of data,
 *
 *   MMD^2 = mean k(x, x') - 2 mean k(x, y) + mean k(y, y'),   k(x, y) = sum_q exp(-|x - y|^2 / (2 sigma_q))
 *   loss  = MMD                                               Li, Swersky and Zemel 2015, sections 2 and 3
 *
 * with no discriminator: the kernel is fixed, so this is a plain minimisation. In `space: code` (GMMN+AE, section 3.2)
 * f makes codes of an autoencoder, matched with the codes of data, and its decoder turns them into data.
 *
 * The paper trains the autoencoder to the end first. Here one step holds both, each with its own optimizer and no
 * gradient between them: the generator sees codes as constants, the autoencoder never sees the generator. Since both
 * are computed in every step anyway, by default both learn all the time, and the target of the generator settles as the
 * autoencoder does (`schedule: cosine` brings both to rest). `autoencoderSteps` gives the paper's order, in two
 * phases. What differs besides: Adam in place of momentum at a rate of 2 on 1000 times the loss,
 * batches of one size for both (the authors' code: 100 for the autoencoder, 1000 for the generator), no greedy
 * pretraining of layers.
 */
function build(gmmn: GmmnOptions, { spec }: DataDescription): Trainable {
  const { latent, hidden, objective, autoencoderSteps } = gmmn;
  const inCode = gmmn.space === 'code';
  const shape = [...spec.shape];
  const bandwidths = gmmn.bandwidths ?? defaultBandwidths(inCode, spec.kind === 'points');
  const sigmoid = activations.sigmoid;
  const coder: CoderOptions = {
    architecture: 'mlp',
    hidden: gmmn.codeHidden,
    filters: [],
    activation: sigmoid,
    dropout: gmmn.dropout,
  };
  const encoder = deterministicEncoder('encoder', gmmn.code, { ...coder, codeActivation: sigmoid }, shape);
  const decoder = decoderNetwork('decoder', gmmn.code, coder, shape);
  const reconstruction = reconstructionOf(spec);
  const width = inCode ? gmmn.code : sizeOf(shape);
  const network: CoderOptions = {
    architecture: 'mlp',
    hidden: hidden.toReversed(),
    filters: [],
    activation: activations.relu,
  };
  const generator = decoderNetwork('generator', latent, network, [width]);
  const autoencoder = declared([encoder, decoder]);
  const prior: NoiseSpec = { distribution: gmmn.prior, shape: [latent] };

  const flat = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, -1]); // [batch, dimensions]
  /** Uniform noise is on [0, 1), the prior on [-1, 1]. */
  const fromNoise = (noise: tf.Tensor) => (gmmn.prior === 'uniform' ? tf.sub(tf.mul(2, noise), 1) : noise);
  /** [batch, latent] to what is matched, data or codes: [batch, width]. */
  const generate = (state: NamedTensors, h: tf.Tensor) => {
    const output = generator.apply(state, h, inference); // [batch, width]
    return inCode ? sigmoid(output) : reconstruction.mean(output);
  };
  const generateData = (state: NamedTensors, h: tf.Tensor) => {
    const matched = generate(state, h);
    const x = inCode ? reconstruction.mean(decoder.apply(state, matched, inference)) : matched;
    return tf.reshape(x, [h.shape[0]!, ...shape]);
  };
  /** The decoder's output for the codes of examples: [batch, ...shape] to the same. */
  const recoded = (state: NamedTensors, x: tf.Tensor, pass: Pass) =>
    decoder.apply(state, encoder.apply(state, x, pass), pass);

  const matchMoments = (state: NamedTensors, target: tf.Tensor, h: tf.Tensor) =>
    lossAndGradients(state, generator.specs, (current) => {
      const made = generate(current, h); // [batch, width]
      const measure = objective === 'root' ? discrepancy : squaredDiscrepancy;
      return { loss: measure(made, target, bandwidths) };
    });

  const learnCode = (state: NamedTensors, x: tf.Tensor, noise: NamedTensors) =>
    lossAndGradients(state, autoencoder.specs, (current) => {
      const output = recoded(current, x, newPass(true, noise));
      return { loss: tf.mean(reconstruction.loss(flat(x), flat(output))) };
    });

  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;
  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const codeOf = (state: NamedTensors, data: tf.Tensor) => encoder.apply(state, data, inference); // [batch, width]
  const generatorTurn: Turn = {
    players: ['generator'],
    run: (state, { data, noise }): TurnResult => {
      const target = inCode ? codeOf(state, data) : flat(data); // [batch, width]
      const { gradients, metrics } = matchMoments(state, target, fromNoise(noise.prior!));
      return { gradients: { generator: gradients }, metrics };
    },
  };
  const autoencoderTurn: Turn = {
    players: ['autoencoder'],
    run: (state, { data, noise }): TurnResult => {
      const { gradients, metrics } = learnCode(state, data, noise);
      return { gradients: { autoencoder: gradients }, metrics };
    },
  };
  const bothTurn: Turn = {
    players: ['generator', 'autoencoder'],
    run: (state, args): TurnResult => {
      const [matched, code] = [generatorTurn.run(state, args), autoencoderTurn.run(state, args)];
      const [discrepancy, reconstruction] = [matched.metrics.loss!, code.metrics.loss!];
      return {
        gradients: { ...matched.gradients, ...code.gradients },
        metrics: { loss: tf.add(discrepancy, reconstruction), discrepancy, reconstruction },
      };
    },
  };
  const inTurn: readonly [GradientPhase, ...GradientPhase[]] = [
    { name: 'autoencoder', steps: autoencoderSteps, turns: [autoencoderTurn], noise: autoencoder.noise },
    { name: 'generator', turns: [generatorTurn], noise: { prior } },
  ];
  const players: Record<string, Player> = {
    generator: { parameters: generator.specs },
    ...(inCode ? { autoencoder: { parameters: autoencoder.specs } } : {}),
  };

  return gradientModel({
    players,
    ...(inCode && autoencoderSteps > 0
      ? { phases: inTurn }
      : {
          turns: [inCode ? bothTurn : generatorTurn],
          noise: { prior, ...(inCode ? autoencoder.noise : {}) },
        }),
    retired: ['phase/count'],
    programs: {
      sample: {
        signature: {
          inputs: { z: { dtype: 'float32', shape: [latent], role: 'noise', distribution: gmmn.prior } },
          outputs: { data: dataOutput },
        },
        run: (state, { z: noise }) => ({ data: generateData(state, fromNoise(noise!)) }),
      },
      decode: {
        signature: {
          inputs: { latent: { dtype: 'float32', shape: [latent], role: 'latent' } },
          outputs: { data: dataOutput },
        },
        run: (state, { latent: h }) => ({ data: generateData(state, h!) }),
      },
      ...(inCode
        ? {
            reconstruct: {
              // An output may not have an input's name.
              signature: { inputs: { data: dataInput }, outputs: { reconstruction: dataOutput } },
              run: (state, { data }) => {
                return { reconstruction: reconstruction.mean(recoded(state, data!, inference)) };
              },
            } satisfies Model['programs'][string],
          }
        : {}),
    },
  });
}

function defaultBandwidths(inCode: boolean, points: boolean): readonly number[] {
  if (inCode) return [1];
  return points ? [0.02, 0.1, 0.5, 2.5, 12.5] : [2, 5, 10, 20, 40, 80];
}

/** The protocol that the figures of the presets were taken by. */
const parzenProtocol =
  'mean log-likelihood of the test split under a Parzen window over 10,000 samples, real-valued pixels (GAN: 225, ' +
  'Goodfellow et al. 2014; not checked)';

export const gmmn = defineFamily<GmmnOptions>({
  name: 'gmmn',
  title: 'Generative moment matching network',
  taxonomy: ['implicit density', 'direct', 'moment matching'],
  equation: 'min_G MMD²(x, G(z)) = ‖E φ(x) − E φ(G(z))‖²',
  sources: [
    'Li, Swersky and Zemel 2015, arXiv:1502.02761',
    'Dziugaite, Roy and Ghahramani 2015, arXiv:1505.03906 (the same idea)',
    'Gretton et al. 2007 (maximum mean discrepancy)',
  ],
  options,
  defaults: { steps: 4000, batchSize: 500, learningRate: 1e-3 },
  refuses: (_, { space, dropout, codeHidden }) =>
    space === 'code' && dropout.length > codeHidden.length + 1
      ? `dropout has ${dropout.length} rates, but the encoder has ${codeHidden.length + 1} layers`
      : null,
  build,
  reproduce: {
    mnist: {
      summary: 'GMMN on MNIST, matched on pixels',
      data: 'mnist',
      options: {},
      training: { steps: 40_000, batchSize: 1000, learningRate: 1e-3 },
      published: `147 +- 2 nats (Li et al. 2015, table 1; not checked): ${parzenProtocol}`,
    },
    'mnist-code': {
      summary: "GMMN+AE on MNIST, matched on an autoencoder's code",
      data: 'mnist',
      options: { space: 'code' },
      training: { steps: 40_000, batchSize: 1000, learningRate: 1e-3 },
      published: `282 +- 2 nats (Li et al. 2015, table 1; not checked): ${parzenProtocol}`,
    },
    'mnist-code-small': {
      summary: 'GMMN+AE on MNIST in minutes on a laptop, with smaller networks',
      data: 'mnist',
      options: { space: 'code', hidden: [64, 256, 256], codeHidden: [256], dropout: [0.2, 0.2] },
      training: { steps: 6000, batchSize: 500, learningRate: 2e-3 },
      published: 'none for this size',
    },
  },
});
