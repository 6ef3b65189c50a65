import { type NamedTensors, tf } from '@generatrix/export';
import { z } from 'zod';
import { adam, adamSpecs } from '../nn/adam.ts';
import { sumExamples } from '../nn/distributions.ts';
import { lossAndGradients } from '../nn/gradients.ts';
import { average, averaged, averageSpecs, startAverages } from '../nn/parameter-average.ts';
import {
  type AutoregressiveNetwork,
  autoregressivePrograms,
  binarisationNoise,
  type DrawRequest,
  flattened,
} from './autoregressive-programs.ts';
import { bernoulliEmission, categoricalEmission, nearestLevel } from './emission.ts';
import { type DataDescription, defineFamily, type Model } from './family.ts';
import { pixelcnnCarries, pixelcnnDraw, pixelcnnRows } from './pixelcnn-draw.ts';
import { type PixelcnnNetwork, pixelcnnForward, pixelcnnSpecs } from './pixelcnn-network.ts';

const odd = (least: number) =>
  z
    .number()
    .int()
    .min(least)
    .max(63)
    .refine((size) => size % 2 === 1, 'must be odd');

const options = z.strictObject({
  layers: z.number().int().min(1).max(64).default(7).describe('gated layers'),
  filters: z.number().int().min(1).max(1024).default(32).describe('filters of each stack'),
  firstKernel: odd(3).default(7).describe('width in pixels of the window of the first layer, odd'),
  kernelSize: odd(3).default(3).describe('width in pixels of the windows of the other layers, odd'),
  headFilters: z.number().int().min(1).max(4096).default(64).describe('filters before the output'),
  output: z
    .enum(['binary', 'categorical'])
    .default('binary')
    .describe('law of a pixel: binary (images binarised anew each step), or categorical over grey levels'),
  levels: z
    .number()
    .int()
    .min(2)
    .max(256)
    .default(256)
    .describe('grey levels from black to white (categorical)'),
  conditional: z.boolean().default(false).describe('condition on the class of the image'),
  averaging: z
    .number()
    .min(0)
    .lt(1)
    .default(0.999)
    .describe('decay of the running mean of the weights that the programs use; 0 uses the last weights'),
});
export type PixelcnnOptions = z.infer<typeof options>;

/** The network of these options, for images of this shape. */
export function pixelcnnNetwork(
  pixelcnn: PixelcnnOptions,
  { spec, classNames }: DataDescription,
): PixelcnnNetwork {
  const [height, width] = spec.shape as readonly [number, number, number];
  const { layers, filters, firstKernel, kernelSize, headFilters, output, levels, conditional } = pixelcnn;
  return {
    height,
    width,
    layers,
    filters,
    firstKernel,
    kernel: kernelSize,
    headFilters,
    classes: conditional ? classNames.length : 0,
    emission: output === 'binary' ? bernoulliEmission : categoricalEmission(levels),
  };
}

/**
 * Gated PixelCNN, the pixels in rows from the top left:
 *
 *   p(x | h) = prod_i p(x_i | x_<i, h)                                      van den Oord et al. 2016, eq. 1 and 3
 *   each layer: tanh(W_f * x + V_f^T h) . sigmoid(W_g * x + V_g^T h)                                   eq. 2 and 4
 *
 * with h the class, or nothing; `pixelcnn-network.ts` has the two stacks. The loss is -log p of the image: binarised
 * anew each step, or rounded to the grey levels (then the log-probability is of the rounded image).
 */
function build(pixelcnn: PixelcnnOptions, data: DataDescription): Model {
  const { averaging } = pixelcnn;
  const binary = pixelcnn.output === 'binary';
  const network = pixelcnnNetwork(pixelcnn, data);
  const { emission, classes } = network;
  const parameters = pixelcnnSpecs(network);
  const rounded = (x: tf.Tensor2D) => (binary ? x : nearestLevel(x, pixelcnn.levels)) as tf.Tensor2D;
  const logProb = (state: NamedTensors, examples: tf.Tensor2D, label?: tf.Tensor) => {
    const x = rounded(examples);
    return sumExamples(emission.logProb(x, pixelcnnForward(network, state, x, label)));
  };
  const roundedRequest = ({ given, ...request }: DrawRequest): DrawRequest => ({
    ...request,
    ...(given === undefined ? {} : { given: { ...given, values: rounded(given.values) } }),
  });
  const programs: AutoregressiveNetwork = {
    noise: emission.noise,
    classes,
    logProb: (state, x, label) => logProb(averaged(state, parameters, averaging), x, label),
    draw: (state, request) =>
      pixelcnnDraw(network, averaged(state, parameters, averaging), roundedRequest(request)),
    rows: {
      carries: pixelcnnCarries(network),
      draw: (state, request, carries) =>
        pixelcnnRows(network, averaged(state, parameters, averaging), roundedRequest(request), carries),
    },
  };
  return {
    state: { ...parameters, ...adamSpecs(parameters), ...averageSpecs(parameters, averaging) },
    initialise: (state) => startAverages(state, parameters, averaging),
    batching: 'shuffled',
    step: {
      noise: binary ? { uniform: binarisationNoise([...data.spec.shape]) } : {},
      run: ({ state, data: examples, label, noise, learningRate }) => {
        const x = flattened(examples, noise.uniform);
        const { report, gradients } = lossAndGradients(state, parameters, (current) => ({
          loss: tf.neg(tf.mean(logProb(current, x, label))),
        }));
        const next: NamedTensors = { ...state, ...adam(state, gradients, learningRate) };
        return { state: { ...next, ...average(next, parameters, averaging) }, metrics: report };
      },
    },
    programs: autoregressivePrograms(programs, data.spec, { binary, completes: true }),
  };
}

function refuses({ spec, classNames }: DataDescription, { conditional }: PixelcnnOptions): string | null {
  if (spec.kind !== 'image') return `needs images, not ${spec.kind}`;
  if (spec.shape[2] !== 1) return `models grey images, not ${spec.shape[2]} channels; try --channels 1`;
  if (spec.range[0] !== 0 || spec.range[1] !== 1) return 'needs images with values in [0, 1]';
  if (conditional && classNames.length === 0) return 'conditional needs labelled data; leave it out';
  return null;
}

export const pixelcnn = defineFamily<PixelcnnOptions>({
  name: 'pixelcnn',
  title: 'Gated PixelCNN',
  taxonomy: ['explicit density', 'tractable', 'fully visible belief net'],
  sources: [
    'van den Oord et al. 2016, arXiv:1606.05328 (gated, conditional)',
    'van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv:1601.06759',
  ],
  options,
  defaults: { steps: 12_000, batchSize: 32, learningRate: 1e-3 },
  refuses,
  build,
  reproduce: {
    mnist: {
      summary: 'Gated PixelCNN of 11 layers of 128 filters on dynamically binarized MNIST',
      data: 'mnist',
      options: { layers: 11, filters: 128, headFilters: 32 },
      training: { steps: 214_000, batchSize: 128, learningRate: 1e-3 },
      published:
        '81.50 nats, test split (pytorch-generative, README); 81.30 for a PixelCNN on the fixed binarization (van den Oord, Kalchbrenner and Kavukcuoglu 2016)',
    },
    'mnist-laptop': {
      summary: 'Seven layers of 32 filters, an hour and a half on two cores',
      data: 'mnist',
      options: {},
      training: { steps: 12_000, batchSize: 32, learningRate: 1e-3 },
      published: '81.50 nats with 11 layers of 128 filters, test split (pytorch-generative, README)',
    },
  },
});
