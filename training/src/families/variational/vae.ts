import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../model/family.ts';
import { elboLoss, elboOptions, totalCorrelationOption } from './elbo.ts';
import { latentModel, latentOptions, latentRefuses } from './latent-model.ts';

const options = z.strictObject({
  ...latentOptions,
  ...elboOptions,
  ...totalCorrelationOption,
});
export type VaeOptions = z.infer<typeof options>;

/** Variational autoencoder: prior, encoder and decoder (`latentModel`), trained on the ELBO (`elboLoss`). */
function build(vae: VaeOptions, data: DataDescription): Trainable {
  const model = latentModel(vae, data);
  return gradientModel({
    parameters: model.parameters,
    ...(model.initialise && { initialise: model.initialise }),
    noise: { eps: { distribution: 'normal', shape: [vae.latent] }, ...model.binarisation },
    loss: (state, { data: examples, noise, step }) =>
      elboLoss(model, vae, state, { x: model.prepare(examples, noise.uniform), eps: noise.eps!, step }),
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
    'Chen et al. 2018, arXiv:1802.04942 (total correlation)',
    'Burda et al. 2016, arXiv:1509.00519 (importance-weighted bound)',
    'Kingma et al. 2016, arXiv:1606.04934 (inverse autoregressive flow, free bits)',
    'Tomczak and Welling 2018, arXiv:1705.07120 (mixture of posteriors as prior)',
  ],
  options,
  defaults: { steps: 2000, batchSize: 100, learningRate: 1e-3 },
  refuses: (data, vae) =>
    vae.totalCorrelation !== 1 && vae.posterior !== 'gaussian'
      ? 'total-correlation needs posteriors of independent dimensions; use posterior gaussian'
      : latentRefuses(data, vae),
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
