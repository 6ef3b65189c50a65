import { z } from 'zod';
import { defineFamily } from '../../model/family.ts';
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
  conditioning: z
    .enum(['projection', 'concatenation'])
    .default('projection')
    .describe(
      'how the discriminator is told the class: projection (Miyato and Koyama 2018), or beside the data (Mirza and Osindero 2014)',
    ),
});
export type CganOptions = z.infer<typeof options>;

/**
 * Conditional GAN: both players are told the class y (Mirza and Osindero 2014, eq. 2):
 *
 *   min over G, max over D of  E[log D(x | y)] + E[log(1 - D(G(z | y) | y))]
 *
 * The generator takes the one-hot class beside z. The labels of samples are those of the batch, so their distribution
 * is the data's.
 */
export const cgan = defineFamily<CganOptions>({
  name: 'cgan',
  title: 'Conditional GAN',
  taxonomy: ['implicit density', 'direct'],
  equation: 'min_G max_D E log D(x | y) + E log(1 − D(G(z | y)))',
  sources: [
    'Mirza and Osindero 2014, arXiv:1411.1784',
    'Miyato and Koyama 2018, arXiv:1802.05637 (projection)',
  ],
  options,
  defaults: { steps: 8000, batchSize: 64, learningRate: 2e-4, beta1: 0.5 },
  refuses: (data, cgan) =>
    adversarialRefuses(data, cgan, { loss: cgan.loss, gradientPenalty: false, conditional: true }),
  build: (cgan, data) => buildAdversarial(cgan, data, { loss: cgan.loss, conditioning: cgan.conditioning }),
  reproduce: {
    mnist: {
      summary: 'MNIST by class on a laptop, about 20 minutes on 2 cores',
      data: 'mnist',
      options: { filters: [64, 128], latent: 100 },
      training: { steps: 8000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published:
        'Parzen-window log-likelihood of 132 +- 1.8 nats for a dense conditional GAN (Mirza and Osindero 2014, table 1; not checked)',
    },
  },
});
