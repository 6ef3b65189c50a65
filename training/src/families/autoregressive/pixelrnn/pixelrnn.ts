import { z } from 'zod';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import { oddWidth, pixelModel, pixelOptions, pixelSizes, refusesPixels } from '../pixel-model.ts';
import { pixelrnnCarries, pixelrnnRows } from './pixelrnn-draw.ts';
import { type PixelrnnNetwork, pixelrnnForward, pixelrnnSpecs } from './pixelrnn-network.ts';

const options = z.strictObject({
  layers: z.number().int().min(1).max(16).default(2).describe('Row LSTM layers'),
  filters: z.number().int().min(1).max(1024).default(32).describe('features of a pixel between the layers'),
  units: z.number().int().min(1).max(1024).default(32).describe('units of each LSTM at each pixel'),
  firstKernel: oddWidth(3).default(7).describe('width in pixels of the window of the first convolution, odd'),
  kernelSize: oddWidth(3).default(3).describe('width in pixels of the windows of the LSTMs along a row, odd'),
  headFilters: z.number().int().min(1).max(4096).default(64).describe('filters before the output'),
  ...pixelOptions,
});
export type PixelrnnOptions = z.infer<typeof options>;

/** The network of these options, for images of this shape. */
export function pixelrnnNetwork(pixelrnn: PixelrnnOptions, data: DataDescription): PixelrnnNetwork {
  const { layers, filters, units, firstKernel, kernelSize, headFilters } = pixelrnn;
  const sizes = pixelSizes(pixelrnn, data);
  return { ...sizes, layers, filters, units, firstKernel, kernel: kernelSize, headFilters };
}

/**
 * PixelRNN with Row LSTMs (van den Oord, Kalchbrenner and Kavukcuoglu 2016), the pixels in rows from the top left:
 *
 *   p(x) = prod_i p(x_i | x_<i)                                                                               eq. 1
 *   [o, f, i, g] = K_ss * h_above + K_is * x_row,   c = f . c_above + i . g,   h = o . tanh(c)                eq. 3
 *
 * Of the paper's two LSTMs this is the one that steps row by row. A row is then one step of a loop, all its pixels at
 * once while training, and what it takes from above is known before its pixels are drawn: a new pixel costs one step
 * of each layer. The Diagonal BiLSTM sees all pixels before, this one a triangle above and what its windows reach to
 * the left, but its two directions and skewed images would need a step for each diagonal, and a second pass over the
 * row for each new pixel. Other than in the paper, features have one width throughout, windows end before the pixel
 * instead of being masked, and the first convolution has a bias of its own at every position (`--positions none`
 * leaves it out).
 */
function build(pixelrnn: PixelrnnOptions, data: DataDescription): Trainable {
  const network = pixelrnnNetwork(pixelrnn, data);
  return pixelModel(
    pixelrnn,
    network,
    {
      parameters: pixelrnnSpecs(network),
      forward: (state, x, label) => pixelrnnForward(network, state, x, label),
      carries: pixelrnnCarries(network),
      drawRows: (state, request, carries) => pixelrnnRows(network, state, request, carries),
    },
    data,
  );
}

export const pixelrnn = defineFamily<PixelrnnOptions>({
  name: 'pixelrnn',
  title: 'PixelRNN of Row LSTMs',
  taxonomy: ['explicit density', 'tractable', 'fully visible belief net'],
  equation: 'p(x) = ∏_i p(x_i | pixels above and to the left)',
  sources: ['van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv:1601.06759'],
  options,
  defaults: { steps: 6000, batchSize: 32, learningRate: 1e-3, ema: 0.999 },
  refuses: refusesPixels,
  build,
  reproduce: {
    mnist: {
      summary:
        'Seven Row LSTMs of 16 units, the size published for the Diagonal BiLSTM, dynamically binarized MNIST',
      data: 'mnist',
      options: { layers: 7, units: 16, filters: 32, headFilters: 32, positions: 'none' },
      training: { steps: 100_000, batchSize: 16, learningRate: 1e-3 },
      published:
        'none on the dynamic binarization; on the fixed one, which does not compare, 80.54 nats for a Row LSTM, 79.20 for a Diagonal BiLSTM of seven layers (van den Oord, Kalchbrenner and Kavukcuoglu 2016, table 4; not checked)',
    },
    'mnist-laptop': {
      summary: 'Two Row LSTMs of 32 units on dynamically binarized MNIST, half an hour on one core',
      data: 'mnist',
      options: {},
      training: { steps: 6000, batchSize: 16, learningRate: 2e-3, schedule: 'cosine' },
      published:
        'none of this size; larger ones on the fixed binarization, which does not compare: 80.54 nats for a Row LSTM (van den Oord, Kalchbrenner and Kavukcuoglu 2016, table 4; not checked)',
    },
  },
});
