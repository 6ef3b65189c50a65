import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyStripes } from '../../../testing/tiny-data.ts';

const small = { sampleSteps: 30, temperatures: 20, gibbs: 2, pretraining: 5 };

export const cases: readonly FamilyCase[] = [
  {
    name: 'dbn, one directed layer',
    family: 'dbn',
    options: { ...small, hidden: [6, 4] },
    training: { optimizer: 'adam', ema: 0.9 },
    dataset: tinyStripes,
    batchSize: 40,
  },
  {
    name: 'dbn, two directed layers',
    family: 'dbn',
    options: { ...small, hidden: [6, 5, 4] },
    training: { optimizer: 'adam' },
    dataset: tinyStripes,
    batchSize: 40,
  },
];
