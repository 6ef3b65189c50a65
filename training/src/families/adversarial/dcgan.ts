import { z } from 'zod';
import { defineFamily } from '../../model/family.ts';
import { buildAdversarial } from './model.ts';
import {
  adversarialOptions,
  adversarialRefuses,
  lossOption,
  normalisedOptions,
  withoutDense,
} from './options.ts';

const options = z.strictObject({
  ...withoutDense(adversarialOptions),
  ...normalisedOptions,
  latent: z.number().int().min(1).max(4096).default(100).describe('dimensions of the latent code, N(0, I)'),
  filters: z
    .array(z.number().int().min(1))
    .min(1)
    .default([64, 128])
    .describe('filters of the strided layers, from the image inwards, each halving its size'),
  loss: lossOption,
});
export type DcganOptions = z.infer<typeof options>;

/** The networks of `gan` that this family settles. */
const convolutional = { architecture: 'dcgan' as const, hidden: [1] };

/**
 * Deep convolutional generative adversarial network, by the guidelines of Radford et al. 2016, section 3: strided
 * convolutions in the discriminator, fractionally strided ones in the generator, no pooling and no hidden dense
 * layers; batch normalisation in both, but not at the generator's output nor the discriminator's input; ReLU in the
 * generator, tanh at its output (stretched to the data's range), leaky ReLU of slope 0.2 in the discriminator; kernels
 * start at N(0, 0.02), Adam with rate 2e-4 and beta1 0.5 (section 4). Two things differ: the latent code is N(0, I),
 * not uniform, and kernels are 4 wide, not 5 (--kernel-size 5), so that fractional strides overlap evenly.
 */
export const dcgan = defineFamily<DcganOptions>({
  name: 'dcgan',
  title: 'Deep convolutional GAN',
  taxonomy: ['implicit density', 'direct'],
  equation: 'min_G max_D E log D(x) + E log(1 − D(G(z)))',
  sources: ['Radford et al. 2016, arXiv:1511.06434', 'Goodfellow et al. 2014, arXiv:1406.2661'],
  options,
  defaults: { steps: 8000, batchSize: 64, learningRate: 2e-4, beta1: 0.5 },
  refuses: (data, dcgan) =>
    data.spec.kind !== 'image'
      ? `models images, not ${data.spec.kind}; use gan`
      : adversarialRefuses(
          data,
          { ...dcgan, ...convolutional },
          { loss: dcgan.loss, gradientPenalty: false, conditional: false },
        ),
  build: (dcgan, data) =>
    buildAdversarial({ ...dcgan, ...convolutional }, data, { loss: dcgan.loss, conditioning: 'none' }),
  reproduce: {
    mnist: {
      summary: 'MNIST on a laptop: two strided layers, about 50 minutes on one core',
      data: 'mnist',
      options: { filters: [64, 128] },
      training: { steps: 12_000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published: 'none for these sizes (the paper classifies by its features)',
    },
    cifar10: {
      summary: 'CIFAR-10 images in a folder (--data-dir), three strided layers',
      data: 'images',
      options: { filters: [64, 128, 256] },
      training: { steps: 3000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published:
        "Inception score of 6.16 for a DCGAN of the paper's size (Wang and Liu 2016; not checked); not comparable at this size",
    },
    paper: {
      summary: "the paper's 64x64 networks (--data-dir, --image-size 64x64), for a GPU",
      data: 'images',
      options: { filters: [128, 256, 512, 1024], kernelSize: 5 },
      training: { steps: 100_000, batchSize: 128, learningRate: 2e-4 },
      published: 'pictures only (LSUN bedrooms, faces)',
    },
  },
});
