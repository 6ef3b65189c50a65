import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyStripes } from '../../../testing/tiny-data.ts';

const small = { hidden: [6, 4], sampleSteps: 10, temperatures: 8, gibbs: 2, meanFieldTurns: 3 };

export const cases: readonly FamilyCase[] = [
  {
    name: 'dbm, layer by layer',
    family: 'dbm',
    options: { ...small, pretraining: 5 },
    training: { optimizer: 'adam' },
    dataset: tinyStripes,
    batchSize: 20,
  },
  {
    name: 'dbm, all at once',
    family: 'dbm',
    options: { ...small, pretraining: 0 },
    training: { optimizer: 'adam', ema: 0.9 },
    dataset: tinyStripes,
    batchSize: 40,
  },
];
