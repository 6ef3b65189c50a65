import type { FamilyCase } from '../../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'made, two layers',
    family: 'made',
    options: { hidden: [24, 16] },
    training: { ema: 0.9 },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'made, three masks of random orders, last weights, no direct connections',
    family: 'made',
    options: { hidden: [20], masks: 3, order: 'random', direct: false },
    training: { ema: 0 },
    dataset: tinyImages(40, [4, 3, 1]),
    batchSize: 8,
  },
  {
    name: 'made, mixture',
    family: 'made',
    options: { hidden: [12, 12], components: 3, order: 'random' },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
];
