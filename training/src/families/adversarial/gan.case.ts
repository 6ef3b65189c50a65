import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'gan, points',
    family: 'gan',
    options: { latent: 2, hidden: [12, 8] },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'gan, images, minimax, normalised, most remedies',
    family: 'gan',
    options: {
      latent: 3,
      hidden: [12],
      discriminatorHidden: [10, 8],
      loss: 'minimax',
      generatorNormalisation: 'virtual',
      discriminatorNormalisation: 'spectral',
      minibatchKernels: 3,
      historicalAveraging: 0.01,
      labelSmoothing: 0.1,
      instanceNoise: 0.1,
      instanceNoiseSteps: 50,
    },
    training: { ema: 0.9 },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'gan, dcgan, hinge, batch, feature matching, packing',
    family: 'gan',
    options: {
      latent: 3,
      architecture: 'dcgan',
      filters: [3, 4],
      loss: 'hinge',
      generatorNormalisation: 'batch',
      discriminatorNormalisation: 'batch',
      featureMatching: true,
      packing: 2,
    },
    training: { ema: 0.9 },
    dataset: tinyImages(24, [6, 5, 2]),
    batchSize: 8,
  },
];
