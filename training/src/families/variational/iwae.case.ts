import { type DensityCase, enumerated, head, overCode } from '../../testing/density-case.ts';
import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'iwae',
    family: 'iwae',
    options: { latent: 3, hidden: [16], importanceSamples: 4 },
    training: { ema: 0.9, gradientClip: 5 },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'iwae, gaussian, accumulated',
    family: 'iwae',
    options: { latent: 2, hidden: [8], importanceSamples: 3 },
    training: { optimizer: 'adamax', accumulate: 2 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'iwae, doubly reparameterised',
    family: 'iwae',
    options: { latent: 2, hidden: [8], importanceSamples: 3, gradient: 'doubly' },
    dataset: tinyImages(40),
    batchSize: 8,
  },
];

export const densities: readonly DensityCase[] = [
  {
    name: 'iwae, bernoulli',
    family: 'iwae',
    options: { latent: 1, hidden: [8] },
    dataset: tinyImages(40, [2, 3, 1]),
    strength: 3,
    zero: head,
    distribution: enumerated(overCode),
  },
];
