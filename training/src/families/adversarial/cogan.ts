import { z } from 'zod';
import { type DataDescription, defineFamily } from '../../model/family.ts';
import { counterpart } from './image-pairs.ts';
import { buildAdversarial } from './model.ts';
import {
  adversarialOptions,
  adversarialRefuses,
  lossOption,
  normalisedOptions,
  preferring,
} from './options.ts';

const options = z.strictObject({
  ...adversarialOptions,
  ...normalisedOptions,
  architecture: preferring(adversarialOptions.architecture, 'dcgan'),
  loss: lossOption,
  pairs: z
    .enum(['negatives', 'edges'])
    .default('negatives')
    .describe('the second domain, made from the data: negatives, or edges of images'),
});
export type CoganOptions = z.infer<typeof options>;

/**
 * Coupled GAN: two generators and two discriminators, one pair for each domain, that play two games at once (Liu and
 * Tuzel 2016, eq. 1, 2 and section 3). The generators share every layer but the last, the discriminators every
 * layer but the first; nothing but this sharing couples the domains: each judgement is of one image of one domain,
 * and no pair is ever shown. Samples are pairs: `data` of the first domain and `paired` of the second, from one z.
 */
export const cogan = defineFamily<CoganOptions>({
  name: 'cogan',
  title: 'Coupled GAN, two domains',
  taxonomy: ['implicit density', 'direct'],
  equation: 'x_1 = G_1(z), x_2 = G_2(z), first layers shared',
  sources: ['Liu and Tuzel 2016, arXiv:1606.07536'],
  options,
  defaults: { steps: 8000, batchSize: 64, learningRate: 2e-4, beta1: 0.5 },
  refuses: (data, cogan) => coganRefuses(data, cogan),
  build: (cogan, data) =>
    buildAdversarial(cogan, data, {
      loss: cogan.loss,
      conditioning: 'none',
      paired: counterpart(cogan.pairs, data.spec),
    }),
  reproduce: {
    'mnist-negatives': {
      summary: 'MNIST digits and their negatives, about 30 minutes on 2 cores',
      data: 'mnist',
      options: { filters: [48, 96], latent: 100 },
      training: { steps: 6000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published:
        'pixel agreement of 0.967 between a sample and the transform of its pair (Liu and Tuzel 2016, section 4, task B; not checked)',
    },
    'mnist-edges': {
      summary: 'MNIST digits and their edges, about 30 minutes on 2 cores',
      data: 'mnist',
      options: { filters: [48, 96], latent: 100, pairs: 'edges' },
      training: { steps: 6000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published: 'pixel agreement of 0.952 (Liu and Tuzel 2016, section 4, task A; not checked)',
    },
  },
});

function coganRefuses(data: DataDescription, cogan: CoganOptions): string | null {
  if (cogan.pairs === 'edges' && data.spec.kind !== 'image') {
    return `pairs edges needs images, not ${data.spec.kind}; use pairs negatives`;
  }
  if (cogan.discriminatorNormalisation === 'spectral') {
    return 'discriminator-normalisation spectral follows one first layer, and there are two; use batch or none';
  }
  return adversarialRefuses(data, cogan, { loss: cogan.loss, gradientPenalty: false, conditional: false });
}
