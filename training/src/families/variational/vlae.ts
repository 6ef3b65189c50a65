import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, type ProgramSignature, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { ModelProgram } from '../../model/model.ts';
import { dense } from '../../nn/dense.ts';
import { bernoulliLogProb, binarise, sumExamples } from '../../nn/distributions.ts';
import { architectureRefuses, decoderNetwork } from '../../nn/encoder-decoder.ts';
import { bernoulliBounds } from '../../nn/inversion.ts';
import { inference } from '../../nn/module.ts';
import { isUnitImage } from '../../nn/unit-image.ts';
import { bernoulliEmission } from '../autoregressive/emission.ts';
import { greyDistribution } from '../autoregressive/pixel-distribution.ts';
import { drawImage, oddWidth } from '../autoregressive/pixel-model.ts';
import { pixelcnnCarries, pixelcnnRows } from '../autoregressive/pixelcnn/pixelcnn-draw.ts';
import {
  type PixelcnnNetwork,
  pixelcnnForward,
  pixelcnnSpecs,
} from '../autoregressive/pixelcnn/pixelcnn-network.ts';
import { divergenceFrom, divergenceProgram } from './divergence.ts';
import { elboLoss, elboOptions } from './elbo.ts';
import { coderOptions, networksOf, noiseInput } from './latent-model.ts';
import { type CodeDraw, posteriorOf, posteriorOptions } from './posterior.ts';
import { priorOf, priorOptions, priorRefuses } from './prior.ts';

const options = z.strictObject({
  ...coderOptions,
  ...posteriorOptions,
  ...priorOptions,
  ...elboOptions,
  windowLayers: z.number().int().min(1).max(32).default(3).describe('gated layers over the window of pixels'),
  windowFilters: z.number().int().min(1).max(1024).default(16).describe('filters of each of their stacks'),
  window: oddWidth(3)
    .default(5)
    .describe('width in pixels of the window of the first layer, odd; 3 in the others'),
  headFilters: z.number().int().min(1).max(4096).default(32).describe('filters before the output'),
  conditionWidth: z
    .number()
    .int()
    .min(1)
    .max(4096)
    .default(64)
    .describe('values that the code tells every gated layer'),
});
export type VlaeOptions = z.infer<typeof options>;

/**
 * Variational lossy autoencoder (Chen et al. 2017): a VAE whose decoder draws the image pixel by pixel,
 *
 *   p(x|z) = prod_i p(x_i | z, x in a window before i)                                       section 3.1, eq. 11
 *
 * What the window can tell of a pixel costs nothing there, so the code is left with what it cannot: the shape as a whole,
 * not the texture. The prior may be learned (section 3.2, an autoregressive flow there, couplings here).
 *
 * The logits of the pixels are the sum of a gated PixelCNN over the window, whose layers are told the code, and of a
 * decoder's map of it.
 */
function build(vlae: VlaeOptions, data: DataDescription): Trainable {
  const { latent, conditionWidth } = vlae;
  const shape = [...data.spec.shape];
  const [height, width] = shape as [number, number];
  const dimensions = sizeOf(shape);
  const networks = networksOf(vlae);
  const posterior = posteriorOf(vlae, networks, shape);
  const prior = priorOf(vlae, data, posterior.encode);
  const decoder = decoderNetwork('decoder', latent, networks, shape);
  const telling = dense('condition', latent, conditionWidth);
  const pixels: PixelcnnNetwork = {
    height,
    width,
    classes: conditionWidth,
    distribution: greyDistribution(bernoulliEmission),
    positions: 'learned',
    layers: vlae.windowLayers,
    filters: vlae.windowFilters,
    firstKernel: vlae.window,
    kernel: 3,
    headFilters: vlae.headFilters,
  };
  const rows = {
    carries: pixelcnnCarries(pixels),
    drawRows: (...args: DrawArguments) => pixelcnnRows(pixels, ...args),
  };

  /** What the code says of every pixel by itself, [rows, dimensions], and to every layer, [rows, conditionWidth]. */
  const told = (state: NamedTensors, code: tf.Tensor) => ({
    map: tf.reshape(decoder.apply(state, code, inference), [-1, dimensions]),
    label: networks.activation(telling.apply(state, code, inference)),
  });
  /** The logits of all pixels given those before them: [rows, dimensions]. */
  const logitsOf = (state: NamedTensors, x: tf.Tensor, code: tf.Tensor) => {
    const { map, label } = told(state, code);
    const window = pixelcnnForward(pixels, state, x as tf.Tensor2D, label); // [rows, P, 1]
    return tf.add(tf.reshape(window, [-1, dimensions]), map);
  };
  const logLikelihoods = (state: NamedTensors, x: tf.Tensor, code: tf.Tensor) =>
    bernoulliLogProb(x, logitsOf(state, x, code));
  const divergence = divergenceFrom(vlae.posterior, prior);
  const logWeight = (state: NamedTensors, x: tf.Tensor, { z: code, logQ }: CodeDraw) =>
    tf.sub(
      tf.add(sumExamples(logLikelihoods(state, x, code)), sumExamples(prior.logProb(state, code))),
      sumExamples(logQ),
    );
  /** Pixel by pixel, by uniform noise [rows, ...shape]: [rows, ...shape]. */
  const observe = (state: NamedTensors, code: tf.Tensor, uniform: tf.Tensor) => {
    const { map, label } = told(state, code);
    const u = tf.maximum(tf.reshape(uniform, [-1, dimensions]), leastUniform);
    // u < sigmoid(window + map) where sigmoid(logit(u) - map) < sigmoid(window): the loop over pixels need not know the map.
    const moved = tf.sigmoid(tf.sub(tf.sub(tf.log(u), tf.log1p(tf.neg(u))), map));
    const request = { noise: { uniform: moved }, temperature: tf.scalar(1), label };
    return tf.reshape(drawImage(rows, state, request), [-1, ...shape]);
  };

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const uniform = { distribution: 'uniform', shape } as const;
  const imageOutput = { data: { dtype: 'float32', shape, meaning: 'data' } } as const;
  const codeOutput = { dtype: 'float32', shape: [latent], meaning: 'latent' } as const;
  const sampleInputs: ProgramSignature['inputs'] = {
    [prior.drawnFrom]: noiseInput({ distribution: 'normal', shape: [latent] }),
    ...Object.fromEntries(Object.entries(prior.noise).map(([name, spec]) => [name, noiseInput(spec)])),
    observation: noiseInput(uniform),
  };
  const scoreInputs: ProgramSignature['inputs'] = {
    data: dataInput,
    eps: noiseInput({ distribution: 'normal', shape: [latent] }, 'estimate'),
    uniform: noiseInput(uniform, 'example'),
  };
  const programs: Record<string, ModelProgram> = {
    sample: {
      signature: { inputs: sampleInputs, outputs: imageOutput },
      run: (state, inputs) => ({
        data: observe(state, prior.draw(state, inputs[prior.drawnFrom]!, inputs), inputs.observation!),
      }),
      forced: (state, inputs, drawn) => {
        const x = tf.reshape(drawn, [-1, dimensions]);
        const logits = logitsOf(state, x, prior.draw(state, inputs[prior.drawnFrom]!, inputs));
        const noise = tf.reshape(inputs.observation!, [-1, dimensions]);
        const value = tf.cast(tf.less(noise, tf.sigmoid(logits)), 'float32');
        const bounds = bernoulliBounds(logits, value, tf.scalar(1));
        const whole = (tensor: tf.Tensor) => tf.reshape(tensor, drawn.shape);
        return {
          data: whole(value),
          bounds: { observation: { lower: whole(bounds.lower), upper: whole(bounds.upper) } },
        };
      },
    },
    logWeight: {
      signature: {
        inputs: scoreInputs,
        outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } },
      },
      run: (state, { data: examples, eps, uniform: noise }) => {
        const x = flatBinary(examples!, noise!);
        return { logWeight: logWeight(state, x, posterior.draw(state, posterior.encode(state, x), eps!)) };
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
    divergence: divergenceProgram(posterior, prior, {
      ...{ latent, kind: vlae.posterior, inputs: scoreInputs },
      given: (_, { data: examples, uniform: noise }) => ({ x: flatBinary(examples!, noise!) }),
    }),
    decode: {
      signature: {
        inputs: {
          latent: { dtype: 'float32', shape: [latent], role: 'latent' },
          observation: noiseInput(uniform),
        },
        outputs: imageOutput,
      },
      run: (state, { latent: code, observation }) => ({ data: observe(state, code!, observation!) }),
    },
  };

  return gradientModel({
    parameters: {
      ...posterior.specs,
      ...decoder.specs,
      ...telling.specs,
      ...prior.specs,
      ...pixelcnnSpecs(pixels),
    },
    ...(prior.initialise && { initialise: prior.initialise }),
    noise: { eps: { distribution: 'normal', shape: [latent] }, uniform },
    loss: (state, { data: examples, noise, step }) =>
      elboLoss({ encode: posterior.encode, draw: posterior.draw, divergence, logLikelihoods }, vlae, state, {
        x: flatBinary(examples, noise.uniform!),
        eps: noise.eps!,
        step,
      }),
    programs,
  });
}

type DrawArguments = Parameters<typeof pixelcnnRows> extends [unknown, ...infer Rest] ? Rest : never;

/** Below the least positive number that noise has, 2^-24: its logarithm is finite. */
const leastUniform = 2 ** -26;

/** [batch, ...shape] to [batch, dimensions] of 0 and 1. */
function flatBinary(x: tf.Tensor, uniform: tf.Tensor): tf.Tensor {
  return tf.reshape(binarise(x, uniform), [x.shape[0]!, -1]);
}

function refuses({ spec }: DataDescription, vlae: VlaeOptions): string | null {
  if (!isUnitImage(spec) || spec.shape[2] !== 1) {
    return 'needs grey images with values in [0, 1]; images in colour can be had as grey by --channels 1';
  }
  return architectureRefuses(vlae.architecture, spec) ?? priorRefuses(vlae);
}

export const vlae = defineFamily<VlaeOptions>({
  name: 'vlae',
  title: 'Variational lossy autoencoder',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  equation: 'p(x | z) = ∏_i p(x_i | z, x in a window before i)',
  sources: ['Chen et al. 2017, arXiv:1611.02731'],
  options,
  defaults: { steps: 4000, batchSize: 50, learningRate: 2e-3 },
  refuses,
  build,
  reproduce: {
    'mnist-laptop': {
      summary: 'A small window and a learned prior on dynamically binarized MNIST',
      data: 'mnist',
      options: {
        latent: 32,
        architecture: 'conv',
        filters: [16, 32],
        blocks: 1,
        activation: 'elu',
        prior: 'flow',
        freeBits: 0,
        klWarmUp: 2000,
      },
      training: { steps: 28_000, batchSize: 50, schedule: 'cosine', ema: 0.999 },
      published:
        '78.53 nats by 4,096 importance samples on the dynamic binarization (Chen et al. 2017, table 1; not checked)',
    },
  },
});
