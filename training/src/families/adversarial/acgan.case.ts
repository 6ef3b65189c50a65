import type { FamilyCase } from '../../testing/family-case.ts';
import { labelled, tinyImages } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'acgan',
    family: 'acgan',
    options: { latent: 3, filters: [3, 4] },
    dataset: labelled(tinyImages(24, [8, 8, 1]), 3),
    batchSize: 8,
  },
];
