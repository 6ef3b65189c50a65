import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'vqvae',
    family: 'vqvae',
    options: { codes: 5, codeSize: 3, filters: [4], autoencoderSteps: 4, priorLayers: 2, priorFilters: 4 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'vqvae, residual, colour',
    family: 'vqvae',
    options: {
      codes: 3,
      codeSize: 2,
      filters: [3, 4],
      blocks: 1,
      activation: 'elu',
      autoencoderSteps: 3,
      priorLayers: 1,
      priorFilters: 3,
    },
    training: { ema: 0.9, gradientClip: 5 },
    dataset: tinyImages(24, [5, 5, 3]),
    batchSize: 8,
  },
];
