import { fillNoise, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import { floatDataset } from '../data/dataset.ts';
import type { DataDescription } from './family.ts';

/** Small images in [0, 1] of blobs, enough to exercise a family in a test. */
export function tinyImages(size: number, shape: readonly [number, number, number] = [6, 5, 1]): Dataset {
  const values = fillNoise({
    law: 'uniform',
    seed: 3,
    stream: 'tiny images',
    firstIndex: 0,
    count: size,
    shape,
  });
  const spec = { kind: 'image', shape, range: [0, 1] } as const;
  return floatDataset({ name: 'tiny', split: 'train', spec, size, labels: null, classNames: [] }, values);
}

/** The data set with classes that take turns. */
export function labelled(dataset: Dataset, classes: number): Dataset {
  const labels = Int32Array.from({ length: dataset.size }, (_, i) => i % classes);
  return { ...dataset, labels, classNames: Array.from({ length: classes }, (_, k) => `class ${k}`) };
}

/** Two clusters in the plane. */
export function tinyPoints(size: number): Dataset {
  const noise = fillNoise({
    law: 'normal',
    seed: 4,
    stream: 'tiny points',
    firstIndex: 0,
    count: size,
    shape: [2],
  });
  const values = noise.map((value, i) => 0.8 * value + (Math.floor(i / 2) % 2 === 0 ? 1 : -1));
  const spec = { kind: 'points', shape: [2] } as const;
  return floatDataset({ name: 'tiny', split: 'train', spec, size, labels: null, classNames: [] }, values);
}

/** Clips of two tones of different pitch and phase, one for each class. */
export function tinySounds(size: number, time = 40): Dataset {
  const values = Float32Array.from({ length: size * time }, (_, i) => {
    const [clip, t] = [Math.floor(i / time), i % time];
    return 0.8 * Math.sin((clip % 2 === 0 ? 0.4 : 1.1) * t + clip);
  });
  const spec = { kind: 'audio', shape: [time], sampleRate: 8000, range: [-1, 1] } as const;
  const labels = Int32Array.from({ length: size }, (_, clip) => clip % 2);
  return floatDataset(
    { name: 'tiny', split: 'train', spec, size, labels, classNames: ['low', 'high'] },
    values,
  );
}

/** A family with options small enough for the eager CPU engine, and data for it. */
export interface FamilyCase {
  readonly name: string;
  readonly family: string;
  readonly options: Record<string, unknown>;
  readonly dataset: Dataset;
  readonly batchSize: number;
}

const adversarialCases: readonly FamilyCase[] = [
  {
    name: 'gan, points',
    family: 'gan',
    options: { latent: 2, hidden: [12, 8] },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'gan, images, minimax, normalised, most remedies',
    family: 'gan',
    options: {
      latent: 3,
      hidden: [12],
      discriminatorHidden: [10, 8],
      loss: 'minimax',
      generatorNormalisation: 'virtual',
      discriminatorNormalisation: 'spectral',
      minibatchKernels: 3,
      historicalAveraging: 0.01,
      labelSmoothing: 0.1,
      instanceNoise: 0.1,
      instanceNoiseSteps: 50,
      averaging: 0.9,
    },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'gan, dcgan, hinge, batch, feature matching, packing',
    family: 'gan',
    options: {
      latent: 3,
      architecture: 'dcgan',
      filters: [3, 4],
      loss: 'hinge',
      generatorNormalisation: 'batch',
      discriminatorNormalisation: 'batch',
      featureMatching: true,
      packing: 2,
      averaging: 0.9,
    },
    dataset: tinyImages(24, [6, 5, 2]),
    batchSize: 8,
  },
  {
    name: 'dcgan, least squares',
    family: 'dcgan',
    options: { latent: 3, filters: [3, 4], loss: 'least-squares', discriminatorRate: 2 },
    dataset: tinyImages(24, [8, 8, 1]),
    batchSize: 8,
  },
  {
    name: 'wgan, gradient penalty, convolutions',
    family: 'wgan',
    options: { latent: 3, architecture: 'dcgan', filters: [3, 4], discriminatorSteps: 2 },
    dataset: tinyImages(24, [8, 8, 1]),
    batchSize: 8,
  },
  {
    name: 'wgan, clipping, points',
    family: 'wgan',
    options: { latent: 2, hidden: [8], penalty: 'clipping', clip: 0.1, discriminatorSteps: 2 },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'cgan, projection, convolutions',
    family: 'cgan',
    options: { latent: 3, filters: [3, 4] },
    dataset: labelled(tinyImages(24, [8, 8, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'cgan, concatenation, convolutions, spectral',
    family: 'cgan',
    options: {
      latent: 3,
      filters: [3, 4],
      conditioning: 'concatenation',
      discriminatorNormalisation: 'spectral',
    },
    dataset: labelled(tinyImages(24, [8, 7, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'cgan, concatenation, points',
    family: 'cgan',
    options: {
      latent: 2,
      architecture: 'mlp',
      hidden: [8, 8],
      conditioning: 'concatenation',
      generatorNormalisation: 'none',
      discriminatorNormalisation: 'none',
    },
    dataset: labelled(tinyPoints(40), 2),
    batchSize: 8,
  },
  {
    name: 'acgan',
    family: 'acgan',
    options: { latent: 3, filters: [3, 4] },
    dataset: labelled(tinyImages(24, [8, 8, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'cogan, edges',
    family: 'cogan',
    options: { latent: 3, filters: [3, 4], pairs: 'edges', averaging: 0.9 },
    dataset: tinyImages(24, [8, 8, 1]),
    batchSize: 8,
  },
  {
    name: 'cogan, mlp, negatives',
    family: 'cogan',
    options: { latent: 2, architecture: 'mlp', hidden: [8, 8] },
    dataset: tinyImages(24, [3, 4, 1]),
    batchSize: 8,
  },
];

/** At least one case for every family; the conformance suite runs over all of them. */
export const familyCases: readonly FamilyCase[] = [
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
  ...(['full', 'diagonal', 'spherical', 'tied'] as const).map((covariance) => ({
    name: `gmm, ${covariance}`,
    family: 'gmm',
    options: { components: 3, covariance },
    dataset: tinyPoints(44),
    batchSize: 16,
  })),
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
  {
    name: 'realnvp, points',
    family: 'realnvp',
    options: { couplings: 4, hidden: [12] },
    dataset: tinyPoints(40),
    batchSize: 8,
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
  {
    name: 'made, two layers',
    family: 'made',
    options: { hidden: [24, 16], averaging: 0.9 },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'made, three masks of random orders, last weights, no direct connections',
    family: 'made',
    options: { hidden: [20], masks: 3, order: 'random', direct: false, averaging: 0 },
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
  {
    name: 'nade',
    family: 'nade',
    options: { hidden: 12, averaging: 0.9 },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'nade, last weights, odd size',
    family: 'nade',
    options: { hidden: 8, averaging: 0 },
    dataset: tinyImages(24, [5, 3, 1]),
    batchSize: 8,
  },
  {
    name: 'pixelcnn',
    family: 'pixelcnn',
    options: { layers: 3, filters: 6, headFilters: 8 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'pixelcnn, categorical, conditional, wider windows',
    family: 'pixelcnn',
    options: {
      layers: 2,
      filters: 4,
      headFilters: 6,
      firstKernel: 3,
      kernelSize: 5,
      output: 'categorical',
      levels: 5,
      conditional: true,
      averaging: 0,
    },
    dataset: labelled(tinyImages(24, [4, 5, 1]), 3),
    batchSize: 8,
  },
  ...adversarialCases,
  {
    name: 'pixelrnn',
    family: 'pixelrnn',
    options: { layers: 2, filters: 6, units: 5, headFilters: 8, firstKernel: 5 },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'pixelrnn, categorical, conditional, wider windows',
    family: 'pixelrnn',
    options: {
      layers: 1,
      filters: 4,
      units: 5,
      headFilters: 6,
      firstKernel: 3,
      kernelSize: 5,
      output: 'categorical',
      levels: 5,
      conditional: true,
      averaging: 0,
    },
    dataset: labelled(tinyImages(24, [4, 5, 1]), 3),
    batchSize: 8,
  },
  {
    name: 'pixelcnn, logistic',
    family: 'pixelcnn',
    options: {
      layers: 2,
      filters: 5,
      headFilters: 6,
      firstKernel: 5,
      output: 'logistic',
      components: 3,
      averaging: 0,
    },
    dataset: tinyImages(24),
    batchSize: 8,
  },
  {
    name: 'pixelrnn, logistic, colour, conditional',
    family: 'pixelrnn',
    options: {
      layers: 2,
      filters: 5,
      units: 4,
      headFilters: 6,
      firstKernel: 3,
      output: 'logistic',
      levels: 16,
      components: 2,
      conditional: true,
      averaging: 0,
    },
    dataset: labelled(tinyImages(24, [4, 5, 3]), 2),
    batchSize: 8,
  },
  {
    name: 'wavenet',
    family: 'wavenet',
    options: { layers: 3, stacks: 2, filters: 4, skipFilters: 6, levels: 16, averaging: 0.9 },
    dataset: tinySounds(24),
    batchSize: 8,
  },
  {
    name: 'wavenet, logistic',
    family: 'wavenet',
    options: {
      layers: 4,
      stacks: 1,
      filters: 4,
      skipFilters: 6,
      output: 'logistic',
      levels: 65_536,
      components: 3,
      averaging: 0,
    },
    dataset: tinySounds(24),
    batchSize: 8,
  },
  {
    name: 'wavenet, delays longer than a block, conditional',
    family: 'wavenet',
    options: { layers: 6, stacks: 1, filters: 3, skipFilters: 5, levels: 8, conditional: true, averaging: 0 },
    dataset: tinySounds(24, 37),
    batchSize: 8,
  },
  {
    name: 'autoencoder, mlp',
    family: 'autoencoder',
    options: { latent: 3, hidden: [16, 8] },
    dataset: tinyImages(40),
    batchSize: 8,
  },
  {
    name: 'autoencoder, conv, masking, squared, odd size',
    family: 'autoencoder',
    options: {
      latent: 4,
      architecture: 'conv',
      filters: [4, 6],
      corruption: 'masking',
      reconstruction: 'squared',
      codeActivation: 'sigmoid',
    },
    dataset: tinyImages(16, [7, 5, 2]),
    batchSize: 8,
  },
  {
    name: 'autoencoder, points, gaussian corruption, tanh',
    family: 'autoencoder',
    options: { latent: 1, hidden: [8], corruption: 'gaussian', activation: 'tanh' },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'gmmn, points',
    family: 'gmmn',
    options: { latent: 2, hidden: [16, 12] },
    dataset: tinyPoints(40),
    batchSize: 20,
  },
  {
    name: 'gmmn, images, square, normal prior',
    family: 'gmmn',
    options: { latent: 3, hidden: [16], objective: 'square', prior: 'normal' },
    dataset: tinyImages(40),
    batchSize: 20,
  },
  {
    name: 'gmmn, code',
    family: 'gmmn',
    options: { latent: 3, hidden: [12, 8], space: 'code', code: 4, codeHidden: [16] },
    dataset: tinyImages(40),
    batchSize: 20,
  },
  {
    name: 'gmmn, code, autoencoder first',
    family: 'gmmn',
    options: {
      latent: 3,
      hidden: [12],
      space: 'code',
      code: 4,
      codeHidden: [16],
      dropout: [],
      autoencoderSteps: 12,
    },
    dataset: tinyImages(40),
    batchSize: 20,
  },
  {
    name: 'vaegan, points, minimax',
    family: 'vaegan',
    options: { latent: 2, hidden: [12, 8], generatorLoss: 'minimax' },
    dataset: tinyPoints(40),
    batchSize: 8,
  },
  {
    name: 'vaegan, dcgan, odd size',
    family: 'vaegan',
    options: { latent: 3, architecture: 'dcgan', filters: [4, 6] },
    dataset: tinyImages(24, [7, 5, 2]),
    batchSize: 8,
  },
];

/** What a family is told of the case's data. */
export function describeData({ spec, classNames }: Dataset): DataDescription {
  return { spec, classNames };
}

/** The first examples of a data set. */
export function firstExamples(dataset: Dataset, count: number): HostTensor {
  const { data, shape } = dataset.gather(Int32Array.from({ length: count }, (_, i) => i));
  return hostTensor('float32', shape, data);
}
