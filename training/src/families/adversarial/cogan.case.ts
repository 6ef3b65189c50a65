import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'cogan, edges',
    family: 'cogan',
    options: { latent: 3, filters: [3, 4], pairs: 'edges' },
    training: { ema: 0.9 },
    dataset: tinyImages(24, [8, 8, 1]),
    batchSize: 8,
  },
  {
    name: 'cogan, mlp, negatives',
    family: 'cogan',
    options: { latent: 2, architecture: 'mlp', hidden: [8, 8] },
    dataset: tinyImages(24, [3, 4, 1]),
    batchSize: 8,
  },
];
