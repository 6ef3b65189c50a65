import type { FamilyCase } from '../../../testing/family-case.ts';
import { labelled, tinyImages } from '../../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'pixelrnn',
    family: 'pixelrnn',
    options: { layers: 2, filters: 6, units: 5, headFilters: 8, firstKernel: 5 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'pixelrnn, categorical, conditional, wider windows',
    family: 'pixelrnn',
    options: {
      layers: 1,
      filters: 4,
      units: 5,
      headFilters: 6,
      firstKernel: 3,
      kernelSize: 5,
      output: 'categorical',
      levels: 5,
      conditional: true,
    },
    training: { ema: 0 },
    dataset: labelled(tinyImages(24, [4, 5, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'pixelrnn, logistic, colour, conditional',
    family: 'pixelrnn',
    options: {
      layers: 2,
      filters: 5,
      units: 4,
      headFilters: 6,
      firstKernel: 3,
      output: 'logistic',
      levels: 16,
      components: 2,
      conditional: true,
    },
    training: { ema: 0 },
    dataset: labelled(tinyImages(24, [4, 5, 3]), 2),
    batchSize: 8,
  },
];
