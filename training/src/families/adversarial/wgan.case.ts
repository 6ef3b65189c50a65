import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'wgan, gradient penalty, convolutions',
    family: 'wgan',
    options: { latent: 3, architecture: 'dcgan', filters: [3, 4], discriminatorSteps: 2 },
    dataset: tinyImages(24, [8, 8, 1]),
    batchSize: 8,
  },
  {
    name: 'wgan, clipping, points',
    family: 'wgan',
    options: { latent: 2, hidden: [8], penalty: 'clipping', clip: 0.1, discriminatorSteps: 2 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
];
