import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyStripes } from '../../../testing/tiny-data.ts';

const small = { hidden: 8, sampleSteps: 10, temperatures: 8 };

export const cases: readonly FamilyCase[] = [
  {
    name: 'rbm, persistent chains',
    family: 'rbm',
    options: { ...small, gibbs: 2 },
    training: { optimizer: 'adam', ema: 0.9 },
    dataset: tinyStripes,
    batchSize: 40,
  },
  {
    name: 'rbm, chains from the data',
    family: 'rbm',
    options: { ...small, chains: 'data', gibbs: 2 },
    training: { optimizer: 'adam' },
    dataset: tinyStripes,
    batchSize: 40,
  },
  {
    name: 'rbm, tempered chains',
    family: 'rbm',
    options: { ...small, chains: 'tempered', replicas: 3, gibbs: 2 },
    training: { optimizer: 'adam' },
    dataset: tinyStripes,
    batchSize: 40,
  },
];
