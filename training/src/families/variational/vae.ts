import { tf } from '@generatrix/export';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { latentModel, latentOptions, latentRefuses } from './latent-model.ts';

const options = z.strictObject({
  ...latentOptions,
  beta: z.number().nonnegative().default(1).describe('weight of the KL term (beta-VAE); 1 is the ELBO'),
  klWarmUp: z
    .number()
    .int()
    .nonnegative()
    .default(0)
    .describe('steps in which the weight of the KL term rises in a line from 0 to beta'),
  freeBits: z
    .number()
    .nonnegative()
    .default(0)
    .describe(
      'nats of the KL term of each dimension of the code that cost nothing (of the whole code where the prior ties its dimensions)',
    ),
});
export type VaeOptions = z.infer<typeof options>;

/**
 * Variational autoencoder. With prior p(z) = N(0, I), encoder q(z|x) = N(mu(x), sigma(x)^2) and decoder p(x|z):
 *
 *   ELBO(x) = E_q[log p(x|z)] - KL(q(z|x) || p(z))             Kingma and Welling 2014, eq. 3 and 10
 *   loss    = -mean over the batch of (E_q[log p(x|z)] - beta KL)       Higgins et al. 2017, eq. 4
 *
 * with one reparameterised draw of z. The KL term is exact where posterior and prior are Gaussians of independent
 * dimensions, else estimated by that draw. `klWarmUp` lets beta rise from 0 (Sonderby et al. 2016, section 2.3); with
 * `freeBits` f the loss has, in place of the KL term,
 *
 *   sum over the dimensions j of max(f, mean over the batch of KL_j)                 Kingma et al. 2016, eq. 16
 */
function build(vae: VaeOptions, data: DataDescription): Trainable {
  const { latent, beta, klWarmUp, freeBits } = vae;
  const model = latentModel(vae, data);
  return gradientModel({
    parameters: model.parameters,
    ...(model.initialise && { initialise: model.initialise }),
    noise: { eps: { distribution: 'normal', shape: [latent] }, ...model.binarisation },
    loss: (state, { data: examples, noise, step }) => {
      const x = model.prepare(examples, noise.uniform); // [batch, dimensions]
      const encoding = model.encode(state, x);
      const drawn = model.draw(state, encoding, noise.eps!); // [batch, latent]
      const reconstruction = tf.mean(model.logLikelihood(state, x, drawn.z));
      const each = tf.mean(model.divergence(state, encoding, drawn), 0); // [latent], or [1]
      const divergence = tf.sum(each);
      const elbo = tf.sub(reconstruction, divergence);
      const weight = klWarmUp === 0 ? beta : tf.mul(beta, tf.minimum(1, tf.div(tf.add(step, 1), klWarmUp)));
      const counted = freeBits === 0 ? divergence : tf.sum(tf.maximum(each, freeBits));
      return { loss: tf.sub(tf.mul(weight, counted), reconstruction), metrics: { elbo, divergence } };
    },
    programs: model.programs,
  });
}

export const vae = defineFamily<VaeOptions>({
  name: 'vae',
  title: 'Variational autoencoder',
  taxonomy: ['explicit density', 'approximate', 'variational'],
  equation: 'log p(x) ≥ E[log p(x | z)] − KL(q(z | x) ‖ p(z))',
  sources: [
    'Kingma and Welling 2014, arXiv:1312.6114',
    'Higgins et al. 2017 (beta)',
    'Burda et al. 2016, arXiv:1509.00519 (importance-weighted bound)',
  ],
  options,
  defaults: { steps: 2000, batchSize: 100, learningRate: 1e-3 },
  refuses: latentRefuses,
  build,
  reproduce: {
    mnist: {
      summary: 'MLP VAE on dynamically binarized MNIST',
      data: 'mnist',
      options: { latent: 20, hidden: [400, 400] },
      training: { steps: 60_000, batchSize: 100 },
      published:
        'none for an MLP; ELBO of -86.77 nats or better for a residual convolutional VAE, dynamic binarization, test split (pytorch-generative, README and models/vae/vae.py)',
    },
    'mnist-conv': {
      summary: 'Convolutional VAE on dynamically binarized MNIST',
      data: 'mnist',
      options: { latent: 32, architecture: 'conv' },
      training: { steps: 60_000, batchSize: 100 },
      published:
        'for residual convolutional VAEs, test split: ELBO of -86.77 nats or better (pytorch-generative, README); ELBO of -84.08 and log p of -81.08 (Kingma et al. 2016, table 1; not checked)',
    },
  },
});
