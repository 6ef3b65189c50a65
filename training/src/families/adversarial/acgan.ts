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
  auxiliaryWeight: z.number().positive().default(1).describe("weight of the auxiliary classifier's loss"),
});
export type AcganOptions = z.infer<typeof options>;

/**
 * Auxiliary-classifier GAN: the generator is told the class, and the discriminator has to tell it (Odena et al. 2017,
 * section 3):
 *
 *   L_S = E[log D(x)] + E[log(1 - D(G(z, c)))]                                                    eq. 2
 *   L_C = E[log P(C = c | x)] + E[log P(C = c | G(z, c))]                                         eq. 3
 *
 * The discriminator maximises L_S + L_C, the generator L_C - L_S (by default its non-saturating form).
 */
export const acgan = defineFamily<AcganOptions>({
  name: 'acgan',
  title: 'Auxiliary-classifier GAN',
  taxonomy: ['implicit density', 'direct'],
  equation: 'adversarial loss + log p(y | x) of both networks',
  sources: ['Odena et al. 2017, arXiv:1610.09585'],
  options,
  defaults: { steps: 8000, batchSize: 64, learningRate: 2e-4, beta1: 0.5 },
  refuses: (data, acgan) =>
    adversarialRefuses(data, acgan, { loss: acgan.loss, gradientPenalty: false, conditional: true }),
  build: (acgan, data) =>
    buildAdversarial(acgan, data, {
      loss: acgan.loss,
      conditioning: 'auxiliary',
      auxiliary: acgan.auxiliaryWeight,
    }),
  reproduce: {
    mnist: {
      summary: 'MNIST by class on a laptop, about 20 minutes on 2 cores',
      data: 'mnist',
      options: { filters: [64, 128], latent: 100 },
      training: { steps: 8000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published: 'none on MNIST (the paper is on ImageNet)',
    },
  },
});
