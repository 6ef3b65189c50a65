/** A model whose training step is timed, untrained. */
export interface TimedModel {
  readonly title: string;
  readonly family: string;
  readonly options: Record<string, unknown>;
  readonly batchSize: number;
  /** A data set that the program draws itself, or samples a clip: tones of that length. */
  readonly data: string | number;
  /** Is the model in torch_step.py too? */
  readonly torch: boolean;
}

export const models: Readonly<Record<string, TimedModel>> = {
  'mlp-vae': {
    title: 'MLP VAE 784-400-400-20',
    family: 'vae',
    options: { latent: 20, hidden: [400, 400] },
    batchSize: 100,
    data: 'glyphs',
    torch: true,
  },
  'conv-vae': {
    title: 'convolutional VAE',
    family: 'vae',
    options: { architecture: 'conv' },
    batchSize: 32,
    data: 'glyphs',
    torch: true,
  },
  dcgan: { title: 'DCGAN 64/128', family: 'dcgan', options: {}, batchSize: 64, data: 'glyphs', torch: true },
  made: { title: 'MADE 2,000', family: 'made', options: {}, batchSize: 100, data: 'glyphs', torch: true },
  realnvp: {
    title: 'Real NVP, 8 couplings',
    family: 'realnvp',
    options: { couplings: 8 },
    batchSize: 256,
    data: 'ring8',
    torch: false,
  },
  pixelcnn: {
    title: 'PixelCNN 7 x 32',
    family: 'pixelcnn',
    options: {},
    batchSize: 32,
    data: 'glyphs',
    torch: true,
  },
  unet: {
    title: 'U-Net 24-48-96, flow matching',
    family: 'flowmatching',
    options: {},
    batchSize: 32,
    data: 'glyphs',
    torch: false,
  },
  wavenet: { title: 'WaveNet 7 x 2', family: 'wavenet', options: {}, batchSize: 4, data: 2000, torch: true },
};

/** How steps are run: one by one, several in one run, or by PyTorch. */
export const manners = ['single', 'block', 'torch'] as const;
export type Manner = (typeof manners)[number];

/** Steps of a block, and of what a child is asked for at once. */
export const turn = 16;

/** What a child answers when it is asked for a turn; it says it once unasked, when it is ready. */
export interface Answer {
  /** Processor time and time on the clock, milliseconds a step. */
  readonly processor: number;
  readonly wall: number;
  /** The most memory that the process has held, MiB. */
  readonly peak: number;
}
