import type { Figure } from './record.ts';

/** A model of the zoo: how it is trained, and by what it is judged. */
export interface ZooModel {
  readonly family: string;
  /** A data set that is drawn, so that the model can be trained anywhere and shown to anyone. */
  readonly data: string;
  /** Flags of `generatrix train FAMILY`, joined by spaces, besides data, seed, threads and device. */
  readonly flags: string;
  /** What the table shows: the likelihood that the run measured, or a diagnostic of `generatrix evaluate`. */
  readonly judgedBy: Figure['name'];
  /** Why this data, in half a sentence. */
  readonly why: string;
}

/** Seed of every run. */
export const zooSeed = 1;

/** Folder of a model within the zoo; what users export there is seldom called by family and data. */
export const nameOf = ({ family, data }: Pick<ZooModel, 'family' | 'data'>): string => `${family}-${data}`;

/** Arguments of the command that trains a model, without the run's folder. */
export const trainArguments = ({ family, data, flags }: ZooModel): string[] => [
  ...['train', family, '--data', data],
  ...flags.split(' ').filter((part) => part !== ''),
  ...['--seed', String(zooSeed), '--threads', '1', '--device', 'cpu'],
];

/** Families without a model here, and why. */
export const withoutModel: Readonly<Record<string, string>> = {};

/**
 * The zoo: a model for each family, small enough that all train in half an hour on one core. Settings were chosen by
 * looking at samples; those of the whole are bound by 12 MB, so that networks on 28x28 pixels are narrow or convolutional.
 */
export const zooModels: readonly ZooModel[] = [
  {
    family: 'gmm',
    data: 'ring8',
    flags: '--components 8 --covariance full --steps 200',
    judgedBy: 'likelihood',
    why: 'eight clusters, which EM finds',
  },
  {
    family: 'nice',
    data: 'moons',
    flags: '--hidden 64,64 --steps 3000',
    judgedBy: 'likelihood',
    why: 'two bands that a map of the plane must bend a normal into',
  },
  {
    family: 'vae',
    data: 'glyphs',
    flags: '--hidden 160,80 --latent 10 --steps 4000',
    judgedBy: 'likelihood',
    why: 'digits whose slant and thickness a code can hold',
  },
  {
    family: 'gan',
    data: 'ring8',
    flags: '--preset ring8-packing',
    judgedBy: 'modes',
    why: 'modes that can be counted, and lost',
  },
  {
    family: 'realnvp',
    data: 'moons',
    flags:
      '--couplings 6 --hidden 48,48 --batch-size 256 --steps 3000 --learning-rate 4e-3 --schedule cosine',
    judgedBy: 'likelihood',
    why: 'the data of the other maps, to compare',
  },
  {
    family: 'rbm',
    data: 'digits8',
    flags: '--preset digits8',
    judgedBy: 'likelihood',
    why: 'binary pixels, few enough for chains that mix',
  },
  {
    family: 'autoencoder',
    data: 'glyphs',
    flags: '--hidden 160,80 --latent 8 --steps 2000',
    judgedBy: 'none',
    why: 'the data of the VAE, which it is compared with',
  },
  {
    family: 'flowmatching',
    data: 'checkerboard',
    flags: '--width 64 --batch-size 256 --steps 5000',
    judgedBy: 'likelihood',
    why: 'sharp edges and gaps',
  },
  {
    family: 'made',
    data: 'glyphs',
    flags: '--hidden 160 --direct false --steps 3000 --learning-rate 2e-3 --ema 0.998',
    judgedBy: 'likelihood',
    why: 'binary pixels, one after the other',
  },
  {
    family: 'wgan',
    data: 'moons',
    flags: '--hidden 64,64 --latent 8 --batch-size 320 --steps 3000',
    judgedBy: 'c2st',
    why: 'bands without density between',
  },
  {
    family: 'gmmn',
    data: 'ring8',
    flags: '--hidden 64,128 --batch-size 300 --steps 2000',
    judgedBy: 'modes',
    why: 'modes that moments must tell apart',
  },
  {
    family: 'cgan',
    data: 'digits8',
    flags: '--filters 24,48 --latent 32 --steps 4000',
    judgedBy: 'fid',
    why: 'ten classes to ask for',
  },
  {
    family: 'pixelcnn',
    data: 'digits8',
    flags: '--layers 5 --filters 24 --head-filters 48 --steps 2500',
    judgedBy: 'likelihood',
    why: 'binary pixels, drawn row by row as one looks on',
  },
  {
    family: 'iwae',
    data: 'glyphs',
    flags: '--hidden 160,80 --latent 10 --importance-samples 5 --steps 4000',
    judgedBy: 'likelihood',
    why: 'the data of the VAE, which it is compared with',
  },
  {
    family: 'cvae',
    data: 'glyphs',
    flags: '--hidden 160,80 --latent 8 --steps 3000',
    judgedBy: 'likelihood',
    why: 'ten classes to ask for',
  },
  {
    family: 'nade',
    data: 'digits8',
    flags: '--hidden 100 --steps 3000 --ema 0.998',
    judgedBy: 'likelihood',
    why: 'binary pixels, one after the other',
  },
  {
    family: 'vqvae',
    data: 'digits8',
    flags: '--filters 32 --codes 32 --code-size 8 --prior-filters 24 --steps 3000',
    judgedBy: 'likelihood',
    why: 'digits as 16 whole numbers',
  },
  {
    family: 'dbn',
    data: 'digits8',
    flags: '--hidden 100,150 --pretraining 3000 --steps 8000 --temperatures 1000 --sample-steps 300',
    judgedBy: 'likelihood',
    why: 'binary pixels, few enough for chains that mix',
  },
  {
    family: 'dbm',
    data: 'digits8',
    flags: '--hidden 100,100 --pretraining 2000 --steps 6000 --temperatures 1000 --sample-steps 300',
    judgedBy: 'likelihood',
    why: 'binary pixels, few enough for chains that mix',
  },
  {
    family: 'gsn',
    data: 'digits8',
    flags: '--hidden 150,150 --steps 4000 --sample-steps 100',
    judgedBy: 'fid',
    why: 'a chain from digit to digit that can be watched',
  },
  {
    family: 'grbm',
    data: 'digits8',
    flags: '--hidden 128 --chains persistent --sample-steps 300 --temperatures 1000 --steps 5000',
    judgedBy: 'likelihood',
    why: 'grey pixels, which its units take as they are',
  },
  {
    family: 'acgan',
    data: 'digits8',
    flags: '--filters 24,48 --latent 32 --steps 4000',
    judgedBy: 'fid',
    why: 'ten classes to ask for',
  },
  {
    family: 'cogan',
    data: 'digits8',
    flags: '--filters 24,48 --latent 32 --steps 4000',
    judgedBy: 'fid',
    why: 'the same digit twice, dark and bright',
  },
  {
    family: 'vaegan',
    data: 'digits8',
    flags: '--architecture dcgan --filters 24,48 --latent 16 --steps 4000',
    judgedBy: 'fid',
    why: 'a code, and edges that are sharp',
  },
  {
    family: 'wavenet',
    data: 'notes',
    flags: '--layers 8 --stacks 1 --filters 24 --skip-filters 48 --conditional --steps 1200',
    judgedBy: 'likelihood',
    why: 'plucked tones of five pitches to ask for, drawn by formula',
  },
  {
    family: 'pixelrnn',
    data: 'digits8',
    flags: '--layers 2 --filters 16 --units 16 --head-filters 32 --steps 1500',
    judgedBy: 'likelihood',
    why: 'binary pixels, drawn row by row as one looks on',
  },
  {
    family: 'vlae',
    data: 'digits8',
    flags: '--hidden 100,100 --latent 10 --steps 2000',
    judgedBy: 'likelihood',
    why: 'a shape, and detail that a window sees',
  },
  {
    family: 'ddpm',
    data: 'digits8',
    flags: '--preset digits8',
    judgedBy: 'fid',
    why: 'a digit out of noise, step by step',
  },
  {
    family: 'dcgan',
    data: 'glyphs',
    flags: '--filters 16,32 --latent 32 --batch-size 32 --steps 2500 --learning-rate 4e-4',
    judgedBy: 'fid',
    why: 'strokes that convolutions draw',
  },
];
