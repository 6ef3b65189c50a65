import { type DensityCase, exact, overPlane } from '../../testing/density-case.ts';
import type { FamilyCase } from '../../testing/family-case.ts';
import { labelled, tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'flowmatching, points',
    family: 'flowmatching',
    options: { width: 12, layers: 2, embedding: 8, sampleSteps: 4, densitySteps: 3 },
    training: { ema: 0.9 },
    dataset: tinyPoints(40),
    batchSize: 20,
  },
  {
    name: 'flowmatching, points, by class, Heun',
    family: 'flowmatching',
    options: {
      ...{ width: 12, layers: 1, embedding: 8, solver: 'heun', sampleSteps: 3, densitySteps: 2 },
      ...{ conditional: true, guidance: 2, labelDropout: 0.3 },
    },
    dataset: labelled(tinyPoints(40), 2),
    batchSize: 20,
  },
  {
    name: 'flowmatching, images',
    family: 'flowmatching',
    options: {
      filters: [4, 6],
      blocks: 1,
      heads: 2,
      groups: 2,
      embedding: 8,
      solver: 'euler',
      sampleSteps: 4,
      dropout: 0.1,
    },
    dataset: tinyImages(24, [6, 5, 1]),
    batchSize: 8,
  },
];

export const densities: readonly DensityCase[] = [
  {
    name: 'flowmatching, points',
    family: 'flowmatching',
    options: { width: 8, layers: 1, embedding: 8, solver: 'rk4', sampleSteps: 10, densitySteps: 10 },
    dataset: tinyPoints(60),
    distribution: overPlane(14, 160, exact),
  },
];
