import type { FamilyCase } from '../../testing/family-case.ts';
import { labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'ddpm, points, epsilon, linear',
    family: 'ddpm',
    options: {
      ...{ width: 12, layers: 2, embedding: 8, prediction: 'epsilon', noiseSchedule: 'linear' },
      ...{ timesteps: 100, sampleSteps: 7, eta: 1 },
    },
    dataset: tinyPoints(40),
    batchSize: 20,
  },
  {
    name: 'ddpm, images by class, v, cosine',
    family: 'ddpm',
    options: {
      ...{ filters: [4, 6], heads: 2, groups: 2, embedding: 8, blocks: 2, conditional: true, guidance: 1.5 },
      ...{ timesteps: 40, sampleSteps: 6, eta: 0.5 },
    },
    training: { ema: 0.9 },
    dataset: labelled(tinyImages(24, [6, 6, 1]), 3),
    batchSize: 8,
  },
];
