import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, meanScalar } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { lossAndGradients } from '../../core/gradients.ts';
import type { Turn } from '../../core/turn.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { ModelProgram } from '../../model/model.ts';
import { activations } from '../../nn/activations.ts';
import { convolution } from '../../nn/convolution.ts';
import { bernoulliLogProb, binarise, sumExamples } from '../../nn/distributions.ts';
import {
  type CoderOptions,
  gridShape,
  type ImageShape,
  stridedLayers,
  transposedLayers,
} from '../../nn/encoder-decoder.ts';
import { inference, sequential } from '../../nn/module.ts';
import { oneHot } from '../../nn/one-hot.ts';
import { isUnitImage } from '../../nn/unit-image.ts';
import { categoricalEmission } from '../autoregressive/emission.ts';
import { greyDistribution } from '../autoregressive/pixel-distribution.ts';
import { pixelcnnDraw } from '../autoregressive/pixelcnn/pixelcnn-draw.ts';
import {
  type PixelcnnNetwork,
  pixelcnnForward,
  pixelcnnSpecs,
} from '../autoregressive/pixelcnn/pixelcnn-network.ts';
import { architectureOptions } from './architecture-options.ts';
import { codebook, constant, straightThrough } from './codebook.ts';
import { noiseInput } from './latent-model.ts';

const { filters, blocks, activation } = architectureOptions;
const options = z.strictObject({
  codes: z.number().int().min(2).max(4096).default(64).describe('entries of the codebook'),
  codeSize: z.number().int().min(1).max(1024).default(16).describe('values of each entry'),
  filters,
  blocks,
  activation,
  commitment: z
    .number()
    .nonnegative()
    .default(0.25)
    .describe('weight of the distance from what the encoder gives to its codes'),
  decay: z.number().min(0).max(1).default(0.99).describe('of the running means that the codebook is made of'),
  autoencoderSteps: z
    .number()
    .int()
    .min(1)
    .default(1000)
    .describe(
      'steps that encoder, decoder and codebook are trained for; the rest of the run trains the prior',
    ),
  priorLayers: z.number().int().min(1).max(64).default(5).describe('gated layers of the prior'),
  priorFilters: z.number().int().min(1).max(1024).default(32).describe('filters of each of their stacks'),
});
export type VqvaeOptions = z.infer<typeof options>;

/**
 * Vector quantised variational autoencoder (van den Oord, Vinyals and Kavukcuoglu 2017): the code is a grid of whole
 * numbers k, each the entry of a codebook nearest to what the encoder gives there,
 *
 *   q(k|x) = 1 for k = argmin_j |z_e(x) - e_j|                                              eq. 1 and 2
 *   loss   = -log p(x | z_q) + commitment |z_e - z_q|^2                                     eq. 3
 *
 * where the gradient of z_q is taken for that of z_e, and the codebook follows by running means (`codebook`). In a second
 * phase of the run a gated PixelCNN over the grid learns p(k). q being one code, log p(x | z_q) + log p(k) is a lower
 * bound on log p(x), without sampling. Pixels are Bernoulli, binarised anew each step.
 */
function build(vqvae: VqvaeOptions, { spec }: DataDescription): Trainable {
  const { codes, codeSize } = vqvae;
  const shape = [...spec.shape];
  const image = shape as unknown as ImageShape;
  const { act, networks } = networksOf(vqvae);
  const [rows, columns, depth] = gridShape(networks, image);
  const places = rows * columns;
  const encoder = sequential([
    stridedLayers('encoder', networks, image),
    convolution('encoder/code', [depth, codeSize], 1),
  ]); // [batch, rows, columns, codeSize]
  const decoder = sequential([
    convolution('decoder/code', [codeSize, depth], 3),
    act,
    transposedLayers('decoder', networks, image),
  ]);
  const table = codebook(codes, codeSize, vqvae.decay);
  const prior: PixelcnnNetwork = {
    height: rows,
    width: columns,
    classes: 0,
    distribution: greyDistribution(categoricalEmission(codes)),
    positions: 'learned',
    layers: vqvae.priorLayers,
    filters: vqvae.priorFilters,
    firstKernel: 5,
    kernel: 3,
    headFilters: 2 * vqvae.priorFilters,
    // Numbers of codes have no order: each is told apart.
    inputs: {
      width: codes,
      of: (x) => tf.reshape(oneHot(indexOf(tf.reshape(x, [-1])), codes), [...x.shape.slice(0, -1), codes]),
    },
  };
  /** Codes as the prior has them, k / (codes - 1), and back. */
  const levelOf = (index: tf.Tensor) => tf.div(tf.cast(index, 'float32'), codes - 1);
  function indexOf(level: tf.Tensor): tf.Tensor {
    return tf.cast(tf.round(tf.mul(level, codes - 1)), 'int32');
  }

  const binarised = (x: tf.Tensor, uniform: tf.Tensor) => binarise(x, uniform); // [batch, ...shape]
  /** What the encoder gives at each place: [batch * places, codeSize]. */
  const encode = (state: NamedTensors, x: tf.Tensor) =>
    tf.reshape(encoder.apply(state, x, inference), [-1, codeSize]);
  /** Vectors at each place to the logits of the pixels: [batch, ...shape]. */
  const decode = (state: NamedTensors, vectors: tf.Tensor) =>
    decoder.apply(state, tf.reshape(vectors, [-1, rows, columns, codeSize]), inference);
  /** The code of examples, [batch, places] int32. */
  const codesOf = (state: NamedTensors, x: tf.Tensor) =>
    tf.reshape(table.nearest(state, encode(state, x)), [-1, places]);
  const logPrior = (state: NamedTensors, index: tf.Tensor) => {
    const x = levelOf(index) as tf.Tensor2D; // [batch, places]
    const distributions = pixelcnnForward(prior, state, x); // [batch, places, codes]
    return sumExamples(prior.distribution.logProb(tf.expandDims(x, 2), distributions));
  };
  const logLikelihood = (state: NamedTensors, x: tf.Tensor, vectors: tf.Tensor) =>
    sumExamples(bernoulliLogProb(x, decode(state, vectors)));
  const vectorsOf = (state: NamedTensors, index: tf.Tensor) => table.lookUp(state, tf.reshape(index, [-1]));

  const autoencoder: Turn = {
    players: ['autoencoder'],
    run: (state, { data, noise }) => {
      const x = binarised(data, noise.uniform!);
      const { metrics, gradients } = lossAndGradients(
        state,
        { ...encoder.specs, ...decoder.specs },
        (current) => {
          const encoded = encode(current, x);
          const quantised = (from: tf.Tensor) => table.lookUp(state, table.nearest(state, from));
          const reconstruction = tf.neg(
            tf.mean(logLikelihood(current, x, straightThrough(encoded, quantised))),
          );
          const distance = tf.sum(tf.squaredDifference(encoded, constant(encoded, quantised)));
          const commitment = tf.mul(vqvae.commitment, tf.div(distance, x.shape[0]!));
          return { loss: tf.add(reconstruction, commitment), metrics: { reconstruction } };
        },
      );
      const { statistics, perplexity } = table.follow(state, encode(state, x));
      return {
        gradients: { autoencoder: gradients },
        metrics: { ...metrics, perplexity },
        statistics,
      };
    },
  };
  const learnPrior: Turn = {
    players: ['prior'],
    run: (state, { data, noise }) => {
      const x = binarised(data, noise.uniform!);
      const index = codesOf(state, x);
      const { metrics, gradients } = lossAndGradients(state, pixelcnnSpecs(prior), (current) => ({
        loss: tf.neg(tf.mean(logPrior(current, index))),
      }));
      const likelihood = tf.mean(logLikelihood(state, x, vectorsOf(state, index)));
      return {
        gradients: { prior: gradients },
        metrics: { ...metrics, elbo: tf.sub(likelihood, metrics.loss) },
      };
    },
  };

  const uniform = { distribution: 'uniform', shape } as const;
  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const imageOf = (meaning: 'data') => ({ dtype: 'float32', shape, meaning }) as const;
  const codeOutputs = {
    latent: { dtype: 'float32', shape: [rows, columns, codeSize], meaning: 'latent' },
    code: { dtype: 'int32', shape: [rows, columns], meaning: 'other' },
  } as const;
  const programs: Record<string, ModelProgram> = {
    sample: {
      signature: {
        inputs: {
          prior: noiseInput({ distribution: 'uniform', shape: [places] }),
          observation: { ...noiseInput(uniform), unless: meanScalar },
          [meanScalar]: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0, max: 1 },
        },
        outputs: { data: imageOf('data') },
      },
      run: (state, { prior: noise, observation, [meanScalar]: mean }) => {
        const drawn = pixelcnnDraw(prior, state, { noise: { uniform: noise! }, temperature: tf.scalar(1) });
        const centre = tf.sigmoid(decode(state, vectorsOf(state, indexOf(drawn))));
        const means = tf.broadcastTo(tf.greater(mean!, 0), centre.shape);
        return { data: tf.where(means, centre, binarise(centre, observation!)) };
      },
    },
    logWeight: {
      signature: {
        inputs: { data: dataInput, uniform: noiseInput(uniform, 'example') },
        outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } },
      },
      run: (state, { data, uniform: noise }) => {
        const x = binarised(data!, noise!);
        const index = codesOf(state, x);
        return {
          logWeight: tf.add(logLikelihood(state, x, vectorsOf(state, index)), logPrior(state, index)),
        };
      },
    },
    encode: {
      signature: { inputs: { data: dataInput }, outputs: codeOutputs },
      run: (state, { data }) => {
        const index = codesOf(state, data!);
        return {
          latent: tf.reshape(vectorsOf(state, index), [-1, rows, columns, codeSize]),
          code: tf.reshape(index, [-1, rows, columns]),
        };
      },
    },
    reconstruct: {
      // An output may not have an input's name.
      signature: { inputs: { data: dataInput }, outputs: { reconstruction: imageOf('data') } },
      run: (state, { data }) => ({
        reconstruction: tf.sigmoid(decode(state, vectorsOf(state, codesOf(state, data!)))),
      }),
    },
  };

  return gradientModel({
    players: {
      autoencoder: { parameters: { ...encoder.specs, ...decoder.specs } },
      prior: { parameters: pixelcnnSpecs(prior) },
    },
    state: table.specs,
    phases: [
      { name: 'autoencoder', steps: vqvae.autoencoderSteps, turns: [autoencoder], noise: { uniform } },
      { name: 'prior', turns: [learnPrior], noise: { uniform } },
    ],
    metrics: {
      elbo: { direction: 'rises' },
      perplexity: { direction: 'neither', meaning: 'codes in use, as many as an even use would have' },
    },
    programs,
  });
}

function networksOf(vqvae: VqvaeOptions) {
  const act = activations[vqvae.activation];
  const networks: CoderOptions = {
    architecture: 'conv',
    hidden: [],
    filters: vqvae.filters,
    blocks: vqvae.blocks,
    activation: act,
  };
  return { act, networks };
}

export const vqvae = defineFamily<VqvaeOptions>({
  name: 'vqvae',
  title: 'Vector quantised variational autoencoder',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  equation: 'log p(x) ≥ log p(x | e_k) + log p(k),  k = argmin_j ‖z(x) − e_j‖',
  sources: ['van den Oord, Vinyals and Kavukcuoglu 2017, arXiv:1711.00937'],
  options,
  defaults: { steps: 3000, batchSize: 50, learningRate: 2e-3 },
  refuses: ({ spec }) => (isUnitImage(spec) ? null : 'needs images with values in [0, 1]'),
  build,
  reproduce: {
    'mnist-laptop': {
      summary: 'A grid of 7x7 codes of 64, and a prior over it, on dynamically binarized MNIST',
      data: 'mnist',
      options: { autoencoderSteps: 10_000 },
      training: { steps: 30_000, batchSize: 50, schedule: 'cosine' },
      published: 'none on MNIST',
    },
  },
});
