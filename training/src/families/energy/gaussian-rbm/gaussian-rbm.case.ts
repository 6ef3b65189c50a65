import { floatDataset } from '../../../data/dataset.ts';
import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyStripes } from '../../../testing/tiny-data.ts';

/** Two clusters: of points that are normal already there would be nothing to learn. */
const twoClusters = floatDataset(
  {
    ...{ name: 'clusters', split: 'train', spec: { kind: 'points', shape: [2] } },
    ...{ size: 40, labels: null, classNames: [] },
  },
  Float32Array.from(
    { length: 80 },
    (_, i) => (Math.floor(i / 2) % 2 === 0 ? 1 : -1) + 0.3 * Math.sin(1.7 * i),
  ),
);

const small = { hidden: 6, sampleSteps: 30, temperatures: 20, gibbs: 2 };

export const cases: readonly FamilyCase[] = [
  {
    name: 'grbm, learned variances',
    family: 'grbm',
    options: small,
    training: { ema: 0.9 },
    dataset: twoClusters,
    batchSize: 40,
  },
  {
    name: 'grbm, unit variances, tempered chains',
    family: 'grbm',
    options: { ...small, variance: 'unit', chains: 'tempered', replicas: 3 },
    dataset: tinyStripes,
    batchSize: 20,
  },
  {
    name: 'grbm, chains from the data',
    family: 'grbm',
    options: { ...small, chains: 'data' },
    dataset: tinyStripes,
    batchSize: 40,
  },
];
