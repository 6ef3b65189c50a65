import { type DensityCase, enumerated, head, overCode } from '../../testing/density-case.ts';
import type { FamilyCase } from '../../testing/family-case.ts';
import { labelled, tinyImages, tinyPoints, tinyTable } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'cvae, by class',
    family: 'cvae',
    options: { latent: 3, hidden: [12] },
    dataset: labelled(tinyImages(40), 3),
    batchSize: 8,
  },
  {
    name: 'cvae, by class, points, flow',
    family: 'cvae',
    options: { latent: 2, hidden: [8], posterior: 'iaf', flowSteps: 1, flowHidden: [5] },
    dataset: labelled(tinyPoints(40), 2),
    batchSize: 8,
  },
  {
    name: 'cvae, rows of a table by class',
    family: 'cvae',
    options: { latent: 2, hidden: [8] },
    dataset: tinyTable(40),
    batchSize: 8,
  },
  {
    name: 'cvae, by rows, conv',
    family: 'cvae',
    options: { condition: 'rows', conditionWidth: 5, latent: 2, architecture: 'conv', filters: [4] },
    dataset: tinyImages(24),
    batchSize: 8,
  },
];

export const densities: readonly DensityCase[] = [
  {
    name: 'cvae, rows, none known',
    family: 'cvae',
    options: { condition: 'rows', conditionWidth: 4, latent: 1, hidden: [8] },
    dataset: tinyImages(40, [2, 3, 1]),
    strength: 2,
    zero: head,
    distribution: enumerated(overCode),
  },
];
