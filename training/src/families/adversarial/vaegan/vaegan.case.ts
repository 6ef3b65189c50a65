import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'vaegan, points, minimax',
    family: 'vaegan',
    options: { latent: 2, hidden: [12, 8], generatorLoss: 'minimax' },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'vaegan, dcgan, odd size',
    family: 'vaegan',
    options: { latent: 3, architecture: 'dcgan', filters: [4, 6] },
    dataset: tinyImages(24, [7, 5, 2]),
    batchSize: 8,
  },
];
