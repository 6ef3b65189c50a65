import { type NamedTensors, tf } from '@generatrix/export';
import type { InputSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import type { NoiseSpec } from '../../model/model.ts';
import { usedWith } from '../../model/option-use.ts';
import { activationNames, activations } from '../../nn/activations.ts';
import {
  architectureRefuses,
  type CoderOptions,
  decoderNetwork,
  deterministicEncoder,
} from '../../nn/encoder-decoder.ts';
import { declared, inference } from '../../nn/module.ts';
import { isUnitImage } from '../../nn/unit-image.ts';
import { architectureOptions } from './architecture-options.ts';
import { reconstructionOf } from './reconstruction.ts';

const options = z.strictObject({
  latent: z.number().int().min(1).max(4096).default(32).describe('dimensions of the code'),
  hidden: z
    .array(z.number().int().min(1))
    .default([400, 200])
    .meta(usedWith({ architecture: 'mlp' }, 'widths of the hidden layers, none for a linear autoencoder')),
  ...architectureOptions,
  codeActivation: z.enum(activationNames).default('linear').describe('nonlinearity of the code'),
  reconstruction: z
    .enum(['crossEntropy', 'squared'])
    .optional()
    .describe('loss; default crossEntropy for images with values in [0, 1], else squared'),
  corruption: z
    .enum(['none', 'gaussian', 'masking'])
    .default('none')
    .describe('noise on the input that the output must not show (denoising autoencoder)'),
  corruptionLevel: z
    .number()
    .min(0)
    .default(0.3)
    .describe('standard deviation (gaussian) or share of values set to 0 (masking)'),
});
export type AutoencoderOptions = z.infer<typeof options>;

/**
 * Autoencoder: a code through which the data must pass.
 *
 *   loss = mean over the batch of L(x, decode(encode(x~)))         Vincent et al. 2010, eq. 1 to 6 and section 3
 *
 * with x~ = x, or x~ = x + level * eps, or x with a share of its values set to 0 (section 3.3), and L the cross-entropy
 * or the squared error, summed over an example's values. It has no density and no prior: nothing says which codes mean
 * data, so there is no `sample`. What a VAE adds to it is that.
 */
function build(autoencoder: AutoencoderOptions, { spec }: DataDescription): Trainable {
  const { latent, corruption, corruptionLevel } = autoencoder;
  const shape = [...spec.shape];
  const networks: CoderOptions = { ...autoencoder, activation: activations[autoencoder.activation] };
  const codeActivation = activations[autoencoder.codeActivation];
  const encoder = deterministicEncoder('encoder', latent, { ...networks, codeActivation }, shape);
  const decoder = decoderNetwork('decoder', latent, networks, shape);
  const parameters = declared([encoder, decoder]).specs;
  const reconstruction = reconstructionOf(spec, autoencoder.reconstruction);
  const noises: Record<AutoencoderOptions['corruption'], Record<string, NoiseSpec>> = {
    none: {},
    gaussian: { corruption: { distribution: 'normal', shape } },
    masking: { corruption: { distribution: 'uniform', shape } },
  };

  /** [batch, ...shape], corrupted where the options say so. */
  const corrupt = (x: tf.Tensor, noise: tf.Tensor | undefined) => {
    if (corruption === 'gaussian') return tf.add(x, tf.mul(corruptionLevel, noise!));
    if (corruption === 'masking')
      return tf.mul(x, tf.cast(tf.greaterEqual(noise!, corruptionLevel), 'float32'));
    return x;
  };
  const flat = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, -1]); // [batch, dimensions]
  const encode = (state: NamedTensors, x: tf.Tensor) => encoder.apply(state, x, inference);
  const decode = (state: NamedTensors, code: tf.Tensor) =>
    reconstruction.mean(decoder.apply(state, code, inference)); // [batch, ...shape]

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;

  return gradientModel({
    parameters,
    noise: noises[corruption],
    loss: (state, { data, noise }) => {
      const [clean, corrupted] = [flat(data), corrupt(data, noise.corruption)];
      const output = flat(decoder.apply(state, encode(state, corrupted), inference)); // [batch, dimensions]
      const squaredError = tf.mean(tf.squaredDifference(clean, reconstruction.mean(output)));
      return { loss: tf.mean(reconstruction.loss(clean, output)), metrics: { squaredError } };
    },
    programs: {
      encode: {
        signature: {
          inputs: { data: dataInput },
          outputs: { latent: { dtype: 'float32', shape: [latent], meaning: 'latent' } },
        },
        run: (state, { data }) => ({ latent: encode(state, data!) }),
      },
      decode: {
        signature: {
          inputs: { latent: { dtype: 'float32', shape: [latent], role: 'latent' } },
          outputs: { data: dataOutput },
        },
        run: (state, { latent: code }) => ({ data: decode(state, code!) }),
      },
      reconstruct: {
        // An output may not have an input's name.
        signature: { inputs: { data: dataInput }, outputs: { reconstruction: dataOutput } },
        run: (state, { data }) => ({ reconstruction: decode(state, encode(state, data!)) }),
      },
    },
  });
}

export const autoencoder = defineFamily<AutoencoderOptions>({
  name: 'autoencoder',
  title: 'Autoencoder',
  taxonomy: ['no density', 'autoencoder'],
  equation: 'min ‖x − d(e(x))‖²',
  sources: [
    'Hinton and Salakhutdinov 2006, Science 313 (deep autoencoder)',
    'Vincent et al. 2010, JMLR 11 (denoising autoencoder)',
  ],
  options,
  defaults: { steps: 2000, batchSize: 100, learningRate: 1e-3 },
  refuses: ({ spec }, { architecture, reconstruction, corruption, corruptionLevel }) => {
    const refusal = architectureRefuses(architecture, spec);
    if (refusal !== null) return refusal;
    if (reconstruction === 'crossEntropy' && !isUnitImage(spec))
      return 'reconstruction crossEntropy needs images with values in [0, 1]; use reconstruction squared';
    if (corruption === 'masking' && corruptionLevel >= 1)
      return `corruptionLevel of masking is a share below 1, got ${corruptionLevel}`;
    return null;
  },
  build,
  reproduce: {
    mnist: {
      summary: 'Autoencoder of 32 codes on MNIST, minutes on a laptop',
      data: 'mnist',
      options: { latent: 32, hidden: [400, 200] },
      training: { steps: 20_000, batchSize: 100 },
      published: 'none for this size',
    },
    'mnist-deep': {
      summary: 'The deep autoencoder 784-1000-500-250-30 on MNIST',
      data: 'mnist',
      options: { latent: 30, hidden: [1000, 500, 250], activation: 'sigmoid' },
      training: { steps: 60_000, batchSize: 100 },
      published:
        'squared error of 3.00 an image, 13.87 for PCA with 30 components, test split (Hinton and Salakhutdinov 2006; not checked)',
    },
    'mnist-denoising': {
      summary: 'Denoising autoencoder, a quarter of the pixels masked, on MNIST',
      data: 'mnist',
      options: { latent: 128, hidden: [400], corruption: 'masking', corruptionLevel: 0.25 },
      training: { steps: 20_000, batchSize: 100 },
      published: 'none for reconstruction; Vincent et al. 2010 judge the features by classification',
    },
  },
});
