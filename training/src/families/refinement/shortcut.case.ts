import type { FamilyCase } from '../../testing/family-case.ts';
import { labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'shortcut, points',
    family: 'shortcut',
    options: { width: 24, layers: 2, embedding: 8, sampleSteps: 3, densitySteps: 3, consistent: 0.1 },
    training: { ema: 0.9 },
    dataset: tinyPoints(40),
    batchSize: 20,
  },
  {
    name: 'shortcut, images by class',
    family: 'shortcut',
    options: {
      ...{ filters: [4, 6], heads: 2, groups: 2, embedding: 8, sampleSteps: 4, dropout: 0.1 },
      ...{ conditional: true, guidance: 1.5 },
    },
    dataset: labelled(tinyImages(24, [6, 5, 1]), 3),
    batchSize: 8,
  },
];
