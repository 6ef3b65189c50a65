import { z } from 'zod';
import { defineFamily } from '../../model/family.ts';
import { buildAdversarial } from './model.ts';
import { adversarialOptions, adversarialRefuses, lossOption } from './options.ts';

const options = z.strictObject({
  ...adversarialOptions,
  loss: lossOption,
});
export type GanOptions = z.infer<typeof options>;

/** Networks for points of the plane, on which the remedies are shown. */
const planar = { latent: 2, hidden: [128, 128] };
const planarTraining = { steps: 8000, batchSize: 128, learningRate: 1e-3 };

/** Noise of half the data's deviation, 0.7 of the grid's spacing, joins the modes at first: none is out of reach. */
const overGaps = { instanceNoise: 0.5, instanceNoiseSteps: 12_000 };

/** The networks and rates of Metz et al. 2017 (unrolled GANs), appendix A: the generator learns ten times faster. */
const collapsing = { latent: 256, hidden: [128, 128], discriminatorHidden: [128], generatorRate: 10 };

const ringFigures =
  'of 8 modes and % high quality: GAN 6.3, 98; packs of two 7.9, 96 (Lin et al. 2018, PacGAN, table 1, 2,500 samples; not checked)';
const gridFigures =
  'of 25 modes and % high quality: GAN 17.3, 95; packs of two 23.8, 91 (Lin et al. 2018, PacGAN, table 1, 2,500 samples; not checked)';

/**
 * Generative adversarial network: a generator G(z), z ~ N(0, I), against a discriminator D(x) in (0, 1):
 *
 *   min over G, max over D of  E[log D(x)] + E[log(1 - D(G(z)))]          Goodfellow et al. 2014, eq. 1
 *
 * or, non-saturating, G maximises E[log D(G(z))] (section 3, end). At the optimum D = 1/2 and the discriminator's loss
 * is log 4. `adversarialStep` plays the game; `adversarialLosses` has the other losses.
 */
export const gan = defineFamily<GanOptions>({
  name: 'gan',
  title: 'Generative adversarial network',
  taxonomy: ['implicit density', 'direct'],
  equation: 'min_G max_D E log D(x) + E log(1 − D(G(z)))',
  sources: [
    'Goodfellow et al. 2014, arXiv:1406.2661',
    'Salimans et al. 2016, arXiv:1606.03498 (remedies)',
    'Lin et al. 2018, arXiv:1712.04086 (PacGAN)',
  ],
  options,
  defaults: { steps: 10_000, batchSize: 64, learningRate: 2e-4, beta1: 0.5 },
  refuses: (data, gan) =>
    adversarialRefuses(data, gan, { loss: gan.loss, gradientPenalty: false, conditional: false }),
  build: (gan, data) => buildAdversarial(gan, data, { loss: gan.loss, conditioning: 'none' }),
  reproduce: {
    mnist: {
      summary: 'MNIST by fully connected networks, eight minutes on one core',
      data: 'mnist',
      options: {
        latent: 100,
        hidden: [512, 512],
        discriminatorHidden: [512, 512],
      },
      training: { steps: 12_000, batchSize: 64, learningRate: 2e-4, ema: 0.999 },
      published:
        'Parzen window 225 +- 2 nats with a maxout discriminator (Goodfellow et al. 2014, table 1; not checked)',
    },
    'ring8-plain': {
      summary: 'a plain GAN that collapses on the ring of 8 Gaussians: a slow discriminator, no remedy',
      data: 'ring8',
      options: collapsing,
      training: { steps: 5000, batchSize: 128, learningRate: 1e-4 },
      published:
        'collapse to one mode at a time (Metz et al. 2017, figure 2, whose networks and rates these are meant to be; not checked)',
    },
    'ring8-average': {
      summary: 'the ring of 8 Gaussians by the running mean of the generator',
      data: 'ring8',
      options: { ...planar },
      training: { ...planarTraining, ema: 0.999 },
      published: ringFigures,
    },
    'ring8-packing': {
      summary: 'the ring of 8 Gaussians by packs of two and the running mean of the generator',
      data: 'ring8',
      options: { ...planar, packing: 2 },
      training: { ...planarTraining, batchSize: 256, ema: 0.999 },
      published: ringFigures,
    },
    'grid25-plain': {
      summary: 'a plain GAN that collapses on the grid of 25 Gaussians: a slow discriminator, no remedy',
      data: 'grid25',
      options: collapsing,
      training: { steps: 5000, batchSize: 128, learningRate: 1e-4 },
      published: gridFigures,
    },
    'grid25-noise': {
      summary: 'the grid of 25 Gaussians by instance noise that fades and the running mean of the generator',
      data: 'grid25',
      options: { ...planar, ...overGaps, hidden: [128, 128, 128] },
      training: { ...planarTraining, steps: 20_000, batchSize: 256, ema: 0.999 },
      published: gridFigures,
    },
    'grid25-packing': {
      summary: 'the grid of 25 Gaussians by packs of two, instance noise that fades and the running mean',
      data: 'grid25',
      options: { ...planar, ...overGaps, hidden: [128, 128, 128], packing: 2 },
      training: { ...planarTraining, steps: 20_000, batchSize: 256, ema: 0.999 },
      published: gridFigures,
    },
  },
});
