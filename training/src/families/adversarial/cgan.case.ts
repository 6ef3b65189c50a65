import type { FamilyCase } from '../../testing/family-case.ts';
import { labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'cgan, projection, convolutions',
    family: 'cgan',
    options: { latent: 3, filters: [3, 4] },
    dataset: labelled(tinyImages(24, [8, 8, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'cgan, concatenation, convolutions, spectral',
    family: 'cgan',
    options: {
      latent: 3,
      filters: [3, 4],
      conditioning: 'concatenation',
      discriminatorNormalisation: 'spectral',
    },
    dataset: labelled(tinyImages(24, [8, 7, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'cgan, concatenation, points',
    family: 'cgan',
    options: {
      latent: 2,
      architecture: 'mlp',
      hidden: [8, 8],
      conditioning: 'concatenation',
      generatorNormalisation: 'none',
      discriminatorNormalisation: 'none',
    },
    dataset: labelled(tinyPoints(40), 2),
    batchSize: 8,
  },
];
