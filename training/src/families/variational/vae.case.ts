import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyImages, tinyPoints } from '../../testing/tiny-data.ts';

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
];
