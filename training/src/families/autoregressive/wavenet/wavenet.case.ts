import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinySounds } from '../../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'wavenet',
    family: 'wavenet',
    options: { layers: 3, stacks: 2, filters: 4, skipFilters: 6, levels: 16 },
    training: { ema: 0.9 },
    dataset: tinySounds(24),
    batchSize: 8,
  },
  {
    name: 'wavenet, logistic',
    family: 'wavenet',
    options: {
      layers: 4,
      stacks: 1,
      filters: 4,
      skipFilters: 6,
      output: 'logistic',
      levels: 65_536,
      components: 3,
    },
    training: { ema: 0 },
    dataset: tinySounds(24),
    batchSize: 8,
  },
  {
    name: 'wavenet, delays longer than a block, conditional',
    family: 'wavenet',
    options: { layers: 6, stacks: 1, filters: 3, skipFilters: 5, levels: 8, conditional: true },
    training: { ema: 0 },
    dataset: tinySounds(24, 37),
    batchSize: 8,
  },
];
