import { floatDataset } from '../../../data/dataset.ts';
import type { FamilyCase } from '../../../testing/family-case.ts';

/** Stripes of one direction each: binary images whose pixels depend on each other. */
const stripes = floatDataset(
  {
    ...{ name: 'stripes', split: 'train', spec: { kind: 'image', shape: [3, 4, 1], range: [0, 1] } },
    ...{ size: 40, labels: null, classNames: [] },
  },
  Float32Array.from({ length: 40 * 12 }, (_, i) => {
    const [image, pixel] = [Math.floor(i / 12), i % 12];
    const line = image % 2 === 0 ? Math.floor(pixel / 4) : pixel % 4;
    return (Math.floor(image / 2) >> line) & 1;
  }),
);

const small = { hidden: 8, sampleSteps: 30, temperatures: 20 };

export const cases: readonly FamilyCase[] = [
  {
    name: 'rbm, persistent chains',
    family: 'rbm',
    options: { ...small, gibbs: 2 },
    training: { optimizer: 'adam', ema: 0.9 },
    dataset: stripes,
    batchSize: 40,
  },
  {
    name: 'rbm, chains from the data',
    family: 'rbm',
    options: { ...small, chains: 'data', gibbs: 2 },
    training: { optimizer: 'adam' },
    dataset: stripes,
    batchSize: 40,
  },
];
