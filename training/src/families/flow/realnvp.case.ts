import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'realnvp, points',
    family: 'realnvp',
    options: { couplings: 4, hidden: [12] },
    training: { gradientClip: 0.5 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'realnvp, points, splines',
    family: 'realnvp',
    options: { couplings: 3, hidden: [12], transform: 'spline', bins: 4, tailBound: 2 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'realnvp, images, splines',
    family: 'realnvp',
    options: { perMask: 1, network: 'conv', filters: 4, blocks: 1, transform: 'spline', bins: 3 },
    dataset: tinyImages(16, [4, 2, 1]),
    batchSize: 4,
  },
  {
    name: 'realnvp, images, resnet, 2 scales',
    family: 'realnvp',
    options: { perMask: 2, filters: 4, blocks: 1 },
    dataset: tinyImages(16, [4, 6, 2]),
    batchSize: 4,
  },
  {
    name: 'realnvp, images, conv, 1 scale, logistic',
    family: 'realnvp',
    options: { scales: 1, perMask: 1, network: 'conv', filters: 4, blocks: 1, prior: 'logistic' },
    dataset: tinyImages(16, [5, 3, 1]),
    batchSize: 4,
  },
];
