import type { FamilyCase } from '../../../testing/family-case.ts';
import { labelled, tinyImages } from '../../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'pixelcnn',
    family: 'pixelcnn',
    options: { layers: 3, filters: 6, headFilters: 8 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'pixelcnn, categorical, conditional, wider windows',
    family: 'pixelcnn',
    options: {
      layers: 2,
      filters: 4,
      headFilters: 6,
      firstKernel: 3,
      kernelSize: 5,
      output: 'categorical',
      levels: 5,
      conditional: true,
      positions: 'none',
    },
    training: { ema: 0 },
    dataset: labelled(tinyImages(24, [4, 5, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'pixelcnn, logistic',
    family: 'pixelcnn',
    options: {
      layers: 2,
      filters: 5,
      headFilters: 6,
      firstKernel: 5,
      output: 'logistic',
      components: 3,
    },
    training: { ema: 0 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
];
