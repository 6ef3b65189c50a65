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
export const withoutModel: Readonly<Record<string, string>> = {
  shortcut: 'joined after the models were trained: settings for a minute or two of one core are to be found',
  transformer:
    'joined after the models were trained: settings for a minute or two of one core are to be found',
  gsn: 'its chain collapsed onto the mean digit in the minute that a model has here; more noise or more steps are to be found',
  dbn: 'its top machine collapsed onto the mean digit in the minute that a model has here; settings are to be found',
  vlae: 'not trained yet: its settings for a minute or two of one core are to be found',
  dcgan: 'not trained yet: its settings for a minute or two of one core are to be found',
  ddpm: 'not trained yet: its settings for a minute or two of one core are to be found',
  pixelrnn: 'not trained yet: its settings for a minute or two of one core are to be found',
  wgan: 'not shipped: its samples fill the gap between the moons after half a minute; settings are to be found',
};

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
    judgedBy: 'fid',
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
    data: 'digits8',
    flags: '--hidden 300 --steps 3000 --learning-rate 2e-3 --ema 0.998',
    judgedBy: 'likelihood',
    why: 'binary pixels, one after the other',
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
    family: 'dbm',
    data: 'digits8',
    flags: '--hidden 100,100 --pretraining 2000 --steps 6000 --temperatures 1000 --sample-steps 300',
    judgedBy: 'fid',
    why: 'binary pixels, few enough for chains that mix',
  },
  {
    family: 'grbm',
    data: 'digits8',
    flags: '--hidden 128 --chains persistent --sample-steps 300 --temperatures 1000 --steps 5000',
    judgedBy: 'fid',
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
];
