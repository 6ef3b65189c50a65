import { type DensityCase, enumerated, head, overCode } from '../../testing/density-case.ts';
import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages } from '../../testing/tiny-data.ts';

const small = {
  hidden: [8],
  windowLayers: 2,
  windowFilters: 4,
  window: 3,
  headFilters: 5,
  conditionWidth: 3,
};

export const cases: readonly FamilyCase[] = [
  {
    name: 'vlae',
    family: 'vlae',
    options: { ...small, latent: 3, prior: 'flow', priorCouplings: 2, priorHidden: [5] },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'vlae, conv, flow posterior',
    family: 'vlae',
    options: {
      ...small,
      latent: 2,
      architecture: 'conv',
      filters: [4],
      posterior: 'iaf',
      flowSteps: 1,
      flowHidden: [5],
      freeBits: 0.2,
    },
    dataset: tinyImages(24, [4, 5, 1]),
    batchSize: 8,
  },
];

export const densities: readonly DensityCase[] = [
  {
    name: 'vlae',
    family: 'vlae',
    options: { ...small, latent: 1 },
    dataset: tinyImages(40, [2, 3, 1]),
    strength: 2,
    zero: head,
    distribution: enumerated(overCode),
  },
];
