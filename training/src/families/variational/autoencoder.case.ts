import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'autoencoder, mlp',
    family: 'autoencoder',
    options: { latent: 3, hidden: [16, 8] },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'autoencoder, conv, masking, squared, odd size',
    family: 'autoencoder',
    options: {
      latent: 4,
      architecture: 'conv',
      filters: [4, 6],
      corruption: 'masking',
      reconstruction: 'squared',
      codeActivation: 'sigmoid',
    },
    dataset: tinyImages(16, [7, 5, 2]),
    batchSize: 8,
  },
  {
    name: 'autoencoder, points, gaussian corruption, tanh',
    family: 'autoencoder',
    options: { latent: 1, hidden: [8], corruption: 'gaussian', activation: 'tanh' },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
];
