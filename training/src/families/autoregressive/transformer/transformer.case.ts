import type { FamilyCase } from '../../../testing/family-case.ts';
import { labelled, tinyImages } from '../../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'transformer',
    family: 'transformer',
    options: { patch: 2, blocks: 2, width: 8, heads: 2, hidden: 12, firstKernel: 5 },
    dataset: tinyImages(24, [5, 6, 1]),
    batchSize: 8,
  },
  {
    name: 'transformer, categorical, conditional',
    family: 'transformer',
    options: {
      blocks: 1,
      width: 6,
      heads: 3,
      hidden: 8,
      activation: 'relu',
      firstKernel: 3,
      output: 'categorical',
      levels: 5,
      conditional: true,
    },
    training: { ema: 0 },
    dataset: labelled(tinyImages(24, [4, 5, 1]), 3),
    batchSize: 8,
  },
];
