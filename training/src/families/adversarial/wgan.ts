import { z } from 'zod';
import { defineFamily } from '../../model/family.ts';
import { buildAdversarial } from './model.ts';
import { adversarialOptions, adversarialRefuses, preferring } from './options.ts';

const options = z.strictObject({
  ...adversarialOptions,
  discriminatorSteps: preferring(adversarialOptions.discriminatorSteps, 5),
  penalty: z
    .enum(['gradient', 'clipping'])
    .default('gradient')
    .describe(
      'how the critic is kept Lipschitz: gradient penalty (Gulrajani et al. 2017) or weight clipping',
    ),
  penaltyWeight: z.number().positive().default(10).describe('weight of the gradient penalty'),
  clip: z
    .number()
    .positive()
    .default(0.01)
    .describe("bound of the critic's weights (clipping: Arjovsky et al. 2017, algorithm 1)"),
});
export type WganOptions = z.infer<typeof options>;

/**
 * Wasserstein GAN: a critic f of Lipschitz constant 1 estimates the distance that the generator makes smaller:
 *
 *   W(p_data, p_G) = max over |f|_L <= 1 of  E[f(x)] - E[f(G(z))]          Arjovsky et al. 2017, eq. 2
 *
 * `gradient`: the critic's loss is E[f(G(z))] - E[f(x)] + weight E[(|grad f(u x + (1 - u) G(z))| - 1)^2], u uniform
 * (Gulrajani et al. 2017, eq. 3); `clipping`: its weights are cut to [-clip, clip] after each update. `loss` is the
 * critic's. The defaults are those of Gulrajani et al. 2017, algorithm 1: five updates of the critic for one of the
 * generator, Adam with rate 1e-4, beta1 0, beta2 0.9. For clipping, `--optimizer rmsprop
 * --learning-rate 5e-5` is the paper's.
 */
export const wgan = defineFamily<WganOptions>({
  name: 'wgan',
  title: 'Wasserstein GAN, gradient penalty or clipping',
  taxonomy: ['implicit density', 'direct'],
  equation: 'min_G max_f E f(x) − E f(G(z)), f 1-Lipschitz',
  sources: ['Arjovsky et al. 2017, arXiv:1701.07875', 'Gulrajani et al. 2017, arXiv:1704.00028'],
  options,
  defaults: { steps: 10_000, batchSize: 320, learningRate: 1e-4, beta1: 0, beta2: 0.9 },
  refuses: (data, wgan) =>
    adversarialRefuses(data, wgan, {
      loss: 'wasserstein',
      gradientPenalty: wgan.penalty === 'gradient',
      conditional: false,
    }),
  build: (wgan, data) =>
    buildAdversarial(wgan, data, {
      loss: 'wasserstein',
      conditioning: 'none',
      ...(wgan.penalty === 'gradient' ? { gradientPenalty: wgan.penaltyWeight } : { clip: wgan.clip }),
    }),
  reproduce: {
    mnist: {
      summary: 'WGAN-GP on MNIST: convolutional, five critic updates of 64 examples a step',
      data: 'mnist',
      options: { architecture: 'dcgan', filters: [32, 64], generatorNormalisation: 'batch', latent: 100 },
      training: { steps: 5000, batchSize: 320, learningRate: 1e-4 },
      published: 'none',
    },
  },
});
