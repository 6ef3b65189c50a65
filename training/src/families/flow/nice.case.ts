import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'nice, images of odd size',
    family: 'nice',
    options: { couplings: 3, hidden: [12, 8] },
    dataset: tinyImages(24, [3, 5, 1]),
    batchSize: 8,
  },
  {
    name: 'nice, points, normal prior',
    family: 'nice',
    options: { couplings: 4, hidden: [12], prior: 'normal' },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
];
