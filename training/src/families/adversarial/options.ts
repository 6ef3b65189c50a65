import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import { usedWith } from '../../model/option-use.ts';
import { type AugmentationKind, augmentationKinds } from './differentiable-augmentation.ts';

const widths = z.array(z.number().int().min(1)).min(1);
const rateFactor = z.number().positive().default(1);

/** Options of every adversarial family: the networks, the optimizers, the remedies. */
export const adversarialOptions = {
  latent: z.number().int().min(1).max(4096).default(64).describe('dimensions of the latent code, N(0, I)'),
  architecture: z
    .enum(['mlp', 'dcgan'])
    .default('mlp')
    .describe('mlp, or dcgan for images (Radford et al. 2016)'),
  hidden: widths
    .default([256, 256])
    .meta(usedWith({ architecture: 'mlp' }, 'widths of the hidden layers of the generator')),
  discriminatorHidden: widths
    .optional()
    .meta(
      usedWith(
        { architecture: 'mlp' },
        "widths of the discriminator's hidden layers; the generator's reversed when absent",
      ),
    ),
  filters: widths
    .default([32, 64])
    .meta(
      usedWith(
        { architecture: 'dcgan' },
        'filters of the strided layers, from the image inwards, each halving its size',
      ),
    ),
  kernelSize: z
    .number()
    .int()
    .min(2)
    .max(9)
    .default(4)
    .meta(usedWith({ architecture: 'dcgan' }, 'width of the convolutions')),
  generatorNormalisation: z
    .enum(['none', 'batch', 'virtual'])
    .default('none')
    .describe(
      'batch (Ioffe and Szegedy 2015), or virtual: by a fixed reference batch (Salimans et al. 2016, 3.5)',
    ),
  discriminatorNormalisation: z
    .enum(['none', 'batch', 'spectral'])
    .default('none')
    .describe('batch, or spectral: kernels over their largest singular value (Miyato et al. 2018)'),
  discriminatorSteps: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe(
      'updates of the discriminator for one of the generator; the batch is cut into that many portions',
    ),
  generatorRate: rateFactor.describe(
    "factor of the generator's learning rate (two time scales: Heusel et al. 2017)",
  ),
  discriminatorRate: rateFactor.describe(
    "factor of the discriminator's learning rate (two time scales: Heusel et al. 2017)",
  ),
  featureMatching: z
    .boolean()
    .default(false)
    .describe("the generator matches the mean of the discriminator's features (Salimans et al. 2016, 3.1)"),
  minibatchKernels: z
    .number()
    .int()
    .min(0)
    .max(1000)
    .default(0)
    .describe('kernels of minibatch discrimination; 0 for none (Salimans et al. 2016, 3.2)'),
  historicalAveraging: z
    .number()
    .min(0)
    .default(0)
    .describe("weight of both players' distance from their past mean (Salimans et al. 2016, 3.3)"),
  labelSmoothing: z
    .number()
    .min(0)
    .max(0.5)
    .default(0)
    .describe('the discriminator should say 1 minus this of real examples (Salimans et al. 2016, 3.4)'),
  instanceNoise: z
    .number()
    .min(0)
    .default(0)
    .describe(
      'std of noise on all that the discriminator sees (Sonderby et al. 2017; Arjovsky and Bottou 2017)',
    ),
  instanceNoiseSteps: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('updates over which the instance noise falls to 0; 0 keeps it'),
  diffAugment: z
    .string()
    .regex(/^(none|(color|translation|cutout)(,(color|translation|cutout))*)$/, {
      error: `expected none, or some of ${augmentationKinds.join(', ')} joined by commas`,
    })
    .default('none')
    .describe(
      'changes under which the discriminator sees real and generated images, for few examples: some of ' +
        'color,translation,cutout (Zhao et al. 2020)',
    ),
  packing: z
    .number()
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe('examples that the discriminator judges together (PacGAN: Lin et al. 2018)'),
} as const;

/** The changes that `diffAugment` names, in the order of their publication. */
export function augmentationsOf(option: string): AugmentationKind[] {
  const named = option.split(',');
  return augmentationKinds.filter((kind) => named.includes(kind));
}

/** The option with another default, for families whose papers have one. */
export function preferring<T extends z.ZodType>(
  option: z.ZodDefault<T>,
  value: z.util.NoUndefined<z.output<T>>,
): z.ZodDefault<T> {
  return option
    .unwrap()
    .default(value)
    .meta(option.meta() ?? {});
}

/** Batch normalisation in both networks, as Radford et al. 2016 have it. */
export const normalisedOptions = {
  generatorNormalisation: preferring(adversarialOptions.generatorNormalisation, 'batch'),
  discriminatorNormalisation: preferring(adversarialOptions.discriminatorNormalisation, 'batch'),
} as const;

/** The option of families that may have any loss but the Wasserstein distance. */
export const lossOption = z
  .enum(['minimax', 'non-saturating', 'least-squares', 'hinge'])
  .default('non-saturating')
  .describe(
    'minimax, non-saturating (Goodfellow et al. 2014), least-squares (Mao et al. 2017), hinge (Lim and Ye 2017)',
  );

/** The options without those of dense networks. */
export function withoutDense({
  architecture: _,
  hidden: __,
  discriminatorHidden: ___,
  ...rest
}: typeof adversarialOptions): Omit<
  typeof adversarialOptions,
  'architecture' | 'hidden' | 'discriminatorHidden'
> {
  return rest;
}

const schema = z.strictObject(adversarialOptions);
export type AdversarialOptions = z.infer<typeof schema>;

/** What a family's own options say of the objective. */
export interface Objective {
  readonly loss: 'minimax' | 'non-saturating' | 'least-squares' | 'hinge' | 'wasserstein';
  readonly gradientPenalty: boolean;
  readonly conditional: boolean;
}

/** Why these options do not fit the data or each other, in one line, or null. */
export function adversarialRefuses(
  { spec, classNames }: DataDescription,
  options: AdversarialOptions,
  { loss, gradientPenalty, conditional }: Objective,
): string | null {
  if (options.architecture === 'dcgan' && spec.kind !== 'image') {
    return `architecture dcgan needs images, not ${spec.kind}; use architecture mlp`;
  }
  if (options.diffAugment !== 'none' && spec.kind !== 'image') {
    return `diff-augment changes images, not ${spec.kind}; leave it out`;
  }
  if (conditional && classNames.length < 2) return 'needs data with at least two classes; use gan or dcgan';
  const targets = loss === 'minimax' || loss === 'non-saturating' || loss === 'least-squares';
  if (options.labelSmoothing > 0 && !targets) {
    return `label-smoothing needs a loss with a target for real examples; the ${loss} loss has none`;
  }
  if (options.featureMatching && loss === 'wasserstein') {
    return 'feature-matching replaces the loss that the Wasserstein distance is; leave it out';
  }
  if (options.instanceNoiseSteps > 0 && options.instanceNoise === 0) {
    return 'instance-noise-steps needs instance-noise above 0';
  }
  if (conditional && options.generatorNormalisation === 'virtual') {
    return 'generator-normalisation virtual has a reference batch without classes; use batch';
  }
  if (conditional && options.packing > 1) {
    return 'packing judges examples of several classes as one; leave it out';
  }
  if (!gradientPenalty) return null;
  // The penalty is on the gradient of each output in its own example (Gulrajani et al. 2017, section 4).
  if (options.discriminatorNormalisation === 'batch') {
    return 'discriminator-normalisation batch makes outputs depend on other examples, which the gradient penalty forbids; use none or spectral';
  }
  if (options.minibatchKernels > 0) {
    return 'minibatch-kernels makes outputs depend on other examples, which the gradient penalty forbids; leave it out';
  }
  return options.packing > 1
    ? 'packing needs penalty clipping: the gradient penalty is for one example'
    : null;
}
