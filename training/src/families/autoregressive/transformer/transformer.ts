import { z } from 'zod';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import { usedWith } from '../../../model/option-use.ts';
import { activationNames } from '../../../nn/activations.ts';
import { oddWidth, pixelModel, pixelOptions, pixelSizes, refusesPixels } from '../pixel-model.ts';
import { stripDistribution } from '../strip-distribution.ts';
import { transformerCarries, transformerRows } from './transformer-draw.ts';
import { type TransformerNetwork, transformerForward, transformerSpecs } from './transformer-network.ts';

const { positions: _, ...distributionOptions } = pixelOptions;

const options = z.strictObject({
  patch: z
    .number()
    .int()
    .min(1)
    .max(8)
    .default(4)
    .meta(
      usedWith(
        { output: 'binary' },
        'most pixels of a token, side by side in a row and with an exact joint distribution; the largest number up to it that divides a row',
      ),
    ),
  blocks: z.number().int().min(1).max(64).default(4).describe('blocks of attention and MLP'),
  width: z.number().int().min(1).max(4096).default(128).describe('features of a token'),
  heads: z
    .number()
    .int()
    .min(1)
    .max(64)
    .default(4)
    .describe('heads of the attention, which divide the width'),
  hidden: z.number().int().min(1).max(16_384).default(512).describe('units of the MLP of a block'),
  activation: z.enum(activationNames).default('gelu').describe('activation of the MLPs'),
  firstKernel: oddWidth(3)
    .default(7)
    .describe('width in pixels of the window before a token that the first layer sees, odd'),
  ...distributionOptions,
});
export type TransformerOptions = z.infer<typeof options>;

/** Pixels of a token of rows of so many pixels: only binary ones share one. */
function patchOf({ output, patch }: TransformerOptions, width: number): number {
  if (output !== 'binary') return 1;
  let size = patch;
  while (width % size !== 0) size--;
  return size;
}

/** The network of these options, for images of this shape. */
export function transformerNetwork(
  transformer: TransformerOptions,
  data: DataDescription,
): TransformerNetwork {
  const { blocks, width, heads, hidden, activation, firstKernel } = transformer;
  const sizes = pixelSizes({ ...transformer, positions: 'learned' }, data);
  const patch = patchOf(transformer, sizes.width);
  const rows = (firstKernel - 1) / 2;
  return {
    ...sizes,
    ...(patch > 1 && { width: sizes.width / patch, distribution: stripDistribution(patch) }),
    reach: { rows, columns: Math.ceil(rows / patch) },
    wraps: true,
    filters: width,
    blocks,
    heads,
    hidden,
    activation,
  };
}

/**
 * A decoder-only transformer over an image's tokens, in rows from the top left (image GPT: Chen et al. 2020):
 *
 *   p(x) = prod_t p(x_t | x_<t)                                                                               eq. 1
 *   h <- h + attention(norm(h)),   h <- h + MLP(norm(h)),   logits = W norm(h)                         section 2.3
 *
 * A token is a strip of binary pixels of one row, with a softmax over all its values, or one pixel: strips make the
 * sequence shorter, and as their order is that of the pixels, images are drawn and completed row by row. Other than in
 * the paper, a position is told the pixels of a window before it, not the last token alone, and so needs fewer steps to
 * learn what is near; nothing is dropped out.
 */
function build(transformer: TransformerOptions, data: DataDescription): Trainable {
  const network = transformerNetwork(transformer, data);
  return pixelModel(
    transformer,
    network,
    {
      parameters: transformerSpecs(network),
      forward: (state, x, label) => transformerForward(network, state, x, label),
      carries: transformerCarries(network),
      drawRows: (state, request, carries) => transformerRows(network, state, request, carries),
    },
    data,
  );
}

/** Why this data cannot be modelled with these options, or null. */
function refuses(data: DataDescription, transformer: TransformerOptions): string | null {
  const { width, heads } = transformer;
  if (width % heads !== 0) return `--heads ${heads} does not divide --width ${width}; try --heads 1`;
  return refusesPixels(data, transformer);
}

export const transformer = defineFamily<TransformerOptions>({
  name: 'transformer',
  title: 'Transformer over pixels',
  taxonomy: ['explicit density', 'tractable', 'fully visible belief net'],
  equation: 'p(x) = ∏_t softmax(W h_t)[x_t],  h_t = attention over x_<t',
  sources: [
    'Chen et al. 2020, Generative Pretraining from Pixels, ICML',
    'Vaswani et al. 2017, arXiv:1706.03762',
    'Xiong et al. 2020, arXiv:2002.04745 (norms before the branches)',
  ],
  options,
  defaults: { steps: 12_000, batchSize: 16, learningRate: 1e-3, ema: 0.999 },
  refuses,
  build,
});
