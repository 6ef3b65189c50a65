import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints, tinyTable } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  {
    name: 'vae, mlp',
    family: 'vae',
    options: { latent: 3, hidden: [16, 8] },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'vae, conv, odd size',
    family: 'vae',
    options: { latent: 2, architecture: 'conv', filters: [4, 6] },
    dataset: tinyImages(16, [7, 5, 2]),
    batchSize: 4,
  },
  {
    name: 'vae, residual, inverse autoregressive flow, free bits',
    family: 'vae',
    options: {
      latent: 3,
      architecture: 'conv',
      filters: [4],
      blocks: 1,
      activation: 'elu',
      posterior: 'iaf',
      flowSteps: 2,
      flowHidden: [6],
      klWarmUp: 10,
      freeBits: 0.1,
    },
    dataset: tinyImages(16, [6, 4, 1]),
    batchSize: 4,
  },
  {
    name: 'vae, mixture of posteriors as prior, total correlation',
    family: 'vae',
    options: { latent: 2, hidden: [8], prior: 'vamp', pseudoInputs: 5, totalCorrelation: 4 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'vae, flow as prior',
    family: 'vae',
    options: { latent: 3, hidden: [8], prior: 'flow', priorCouplings: 2, priorHidden: [6], freeBits: 0.5 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'vae, gaussian, learned std, beta 2',
    family: 'vae',
    options: { latent: 2, hidden: [8], beta: 2 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'vae, gaussian, fixed std',
    family: 'vae',
    options: { latent: 2, hidden: [8], likelihood: 'gaussian', outputStd: 0.5 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'vae, rows of a table',
    family: 'vae',
    options: { latent: 2, hidden: [8], beta: 0.5 },
    dataset: tinyTable(40),
    batchSize: 8,
  },
];
