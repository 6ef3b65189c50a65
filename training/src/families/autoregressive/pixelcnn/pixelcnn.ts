import { z } from 'zod';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import { oddWidth, pixelModel, pixelOptions, pixelSizes, refusesPixels } from '../pixel-model.ts';
import { pixelcnnCarries, pixelcnnRows } from './pixelcnn-draw.ts';
import { type PixelcnnNetwork, pixelcnnForward, pixelcnnSpecs } from './pixelcnn-network.ts';

const options = z.strictObject({
  layers: z.number().int().min(1).max(64).default(7).describe('gated layers'),
  filters: z.number().int().min(1).max(1024).default(32).describe('filters of each stack'),
  firstKernel: oddWidth(3).default(7).describe('width in pixels of the window of the first layer, odd'),
  kernelSize: oddWidth(3).default(3).describe('width in pixels of the windows of the other layers, odd'),
  headFilters: z.number().int().min(1).max(4096).default(64).describe('filters before the output'),
  ...pixelOptions,
});
export type PixelcnnOptions = z.infer<typeof options>;

/** The network of these options, for images of this shape. */
export function pixelcnnNetwork(pixelcnn: PixelcnnOptions, data: DataDescription): PixelcnnNetwork {
  const { layers, filters, firstKernel, kernelSize, headFilters } = pixelcnn;
  return { ...pixelSizes(pixelcnn, data), layers, filters, firstKernel, kernel: kernelSize, headFilters };
}

/**
 * Gated PixelCNN, the pixels in rows from the top left:
 *
 *   p(x | h) = prod_i p(x_i | x_<i, h)                                      van den Oord et al. 2016, eq. 1 and 3
 *   each layer: tanh(W_f * x + V_f^T h) . sigmoid(W_g * x + V_g^T h)                                   eq. 2 and 4
 *
 * with h the class, or nothing; `pixelcnn-network.ts` has the two stacks. Other than in the paper, the first layer
 * has a bias of its own at every position (`--positions none` leaves it out; section 2.3 has such biases as functions
 * of h): convolutions are the same everywhere, and digits are centred. The loss is -log p of the image: binarised
 * anew each step, or rounded to the grey levels (then the log-probability is of the rounded image).
 */
function build(pixelcnn: PixelcnnOptions, data: DataDescription): Trainable {
  const network = pixelcnnNetwork(pixelcnn, data);
  return pixelModel(
    pixelcnn,
    network,
    {
      parameters: pixelcnnSpecs(network),
      forward: (state, x, label) => pixelcnnForward(network, state, x, label),
      carries: pixelcnnCarries(network),
      drawRows: (state, request, carries) => pixelcnnRows(network, state, request, carries),
    },
    data,
  );
}

export const pixelcnn = defineFamily<PixelcnnOptions>({
  name: 'pixelcnn',
  title: 'Gated PixelCNN',
  taxonomy: ['explicit density', 'tractable', 'fully visible belief net'],
  equation: 'y = tanh(W_f ∗ x) ⊙ σ(W_g ∗ x)',
  sources: [
    'van den Oord et al. 2016, arXiv:1606.05328 (gated, conditional)',
    'van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv:1601.06759',
  ],
  options,
  defaults: { steps: 12_000, batchSize: 32, learningRate: 1e-3, ema: 0.999 },
  refuses: refusesPixels,
  build,
  reproduce: {
    mnist: {
      summary: 'Gated PixelCNN of 11 layers of 128 filters on dynamically binarized MNIST',
      data: 'mnist',
      options: { layers: 11, filters: 128, headFilters: 32, positions: 'none' },
      training: { steps: 214_000, batchSize: 128, learningRate: 1e-3 },
      published:
        '81.50 nats, dynamic binarization, test split (pytorch-generative, README); on the fixed one, which does not compare, 81.30 for a PixelCNN (van den Oord, Kalchbrenner and Kavukcuoglu 2016, as cited there)',
    },
    'mnist-laptop': {
      summary: 'Seven layers of 32 filters, an hour and a half on one core',
      data: 'mnist',
      options: {},
      training: { steps: 14_000, batchSize: 16, learningRate: 3e-3, schedule: 'cosine' },
      published:
        '81.50 nats with 11 layers of 128 filters, dynamic binarization, test split (pytorch-generative, README)',
    },
  },
});
