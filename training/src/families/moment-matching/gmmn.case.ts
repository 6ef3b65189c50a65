import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'gmmn, points',
    family: 'gmmn',
    options: { latent: 2, hidden: [16, 12] },
    dataset: tinyPoints(40),
    batchSize: 20,
  },
  {
    name: 'gmmn, images, square, normal prior',
    family: 'gmmn',
    options: { latent: 3, hidden: [16], objective: 'square', prior: 'normal' },
    dataset: tinyImages(40),
    batchSize: 20,
  },
  {
    name: 'gmmn, code',
    family: 'gmmn',
    options: { latent: 3, hidden: [12, 8], space: 'code', code: 4, codeHidden: [16] },
    dataset: tinyImages(40),
    batchSize: 20,
  },
  {
    name: 'gmmn, code, autoencoder first',
    family: 'gmmn',
    options: {
      latent: 3,
      hidden: [12],
      space: 'code',
      code: 4,
      codeHidden: [16],
      dropout: [],
      autoencoderSteps: 12,
    },
    dataset: tinyImages(40),
    batchSize: 20,
  },
];
