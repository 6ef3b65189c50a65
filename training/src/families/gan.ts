import { z } from 'zod';
import { buildAdversarial } from './adversarial/model.ts';
import { adversarialOptions, adversarialRefuses, lossOption } from './adversarial/options.ts';
import { defineFamily } from './family.ts';

const options = z.strictObject({
  ...adversarialOptions,
  loss: lossOption,
});
export type GanOptions = z.infer<typeof options>;

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
  sources: [
    'Goodfellow et al. 2014, arXiv:1406.2661',
    'Salimans et al. 2016, arXiv:1606.03498 (remedies)',
    'Lin et al. 2018, arXiv:1712.04086 (PacGAN)',
  ],
  options,
  defaults: { steps: 10_000, batchSize: 64, learningRate: 2e-4 },
  refuses: (data, gan) =>
    adversarialRefuses(data, gan, { loss: gan.loss, gradientPenalty: false, conditional: false }),
  build: (gan, data) => buildAdversarial(gan, data, { loss: gan.loss, conditioning: 'none' }),
  reproduce: {},
});
