import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'dcgan, differentiable augmentation, instance noise',
    family: 'dcgan',
    options: { latent: 3, filters: [3, 4], diffAugment: 'color,translation,cutout', instanceNoise: 0.1 },
    dataset: tinyImages(24, [8, 6, 3]),
    batchSize: 8,
  },
  {
    name: 'dcgan, least squares',
    family: 'dcgan',
    options: { latent: 3, filters: [3, 4], loss: 'least-squares', discriminatorRate: 2 },
    dataset: tinyImages(24, [8, 8, 1]),
    batchSize: 8,
  },
];
