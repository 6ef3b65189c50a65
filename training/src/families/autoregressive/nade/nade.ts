import { tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import type { StateSpecs } from '../../../model/state.ts';
import { bernoulliLogProb, sumExamples } from '../../../nn/distributions.ts';
import { mapBounds, mapNoise } from '../../../nn/inversion.ts';
import { refusesBinary } from '../../../nn/unit-image.ts';
import {
  type AutoregressiveNetwork,
  autoregressivePrograms,
  binarisationNoise,
  flattened,
} from '../autoregressive-programs.ts';
import { bernoulliEmission } from '../emission.ts';
import { nadeDraw } from './nade-draw.ts';
import { type NadePass, nadeLogits, nadeLossAndGradients, nadeNames } from './nade-pass.ts';

const options = z.strictObject({
  hidden: z.number().int().min(1).max(65_536).default(500).describe('hidden units'),
});
export type NadeOptions = z.infer<typeof options>;

/** Dimensions per turn of the training loop: small enough that a turn's tensors stay in the processor's cache. */
const block = 4;

/**
 * Neural autoregressive distribution estimator of binary data, in the order of the dimensions (row by row):
 *
 *   p(x) = prod_d p(x_d | x_<d),   p(x_d = 1 | x_<d) = sigmoid(b_d + V_d h_d)
 *   h_d = sigmoid(c + sum over i < d of x_i W_i)                       Larochelle and Murray 2011, eq. 8 and 9
 *
 * The loss is -log p of the images, binarised anew each step. Its gradient is written out (`nade-pass.ts`).
 */
function build(nade: NadeOptions, data: DataDescription): Trainable {
  const { hidden } = nade;
  const shape = [...data.spec.shape];
  const dimensions = sizeOf(shape);
  const pass: NadePass = { dimensions, hidden, block };
  const scale = Math.sqrt(6 / (dimensions + hidden));
  const kernel = { shape: [dimensions, hidden], initial: { distribution: 'uniform', scale } } as const;
  const parameters: StateSpecs = {
    [nadeNames.inputKernel]: kernel,
    [nadeNames.hiddenBias]: { shape: [hidden], initial: 0 },
    [nadeNames.outputKernel]: kernel,
    [nadeNames.outputBias]: { shape: [dimensions], initial: 0 },
  };
  const network: AutoregressiveNetwork = {
    noise: bernoulliEmission.noise,
    logProb: (state, x) => sumExamples(bernoulliLogProb(x, nadeLogits(pass, state, x))),
    draw: (state, request) => nadeDraw(pass, state, request),
    forced: (state, { noise, temperature }, x) => {
      const logits = tf.reshape(nadeLogits(pass, state, x), [-1]);
      const flat = mapNoise(noise, (u) => tf.reshape(u, [-1]));
      const { value, bounds } = bernoulliEmission.forced(logits, flat, temperature);
      const whole = (tensor: tf.Tensor) => tf.reshape(tensor, x.shape);
      return { value: whole(value), bounds: mapBounds(bounds, whole) };
    },
  };
  return gradientModel({
    parameters,
    filters: nadeNames.inputKernel,
    noise: { uniform: binarisationNoise(shape) },
    gradients: (state, { data: x, noise }) => {
      const { loss, gradients } = nadeLossAndGradients(pass, state, flattened(x, noise.uniform));
      return { metrics: { loss }, gradients };
    },
    programs: autoregressivePrograms(network, data.spec, { binary: true, completes: true }),
  });
}

export const nade = defineFamily<NadeOptions>({
  name: 'nade',
  title: 'NADE, neural autoregressive distribution estimator',
  taxonomy: ['explicit density', 'tractable', 'fully visible belief net'],
  equation: 'p(x) = ∏_i p(x_i | x_<i)',
  sources: [
    'Larochelle and Murray 2011, "The neural autoregressive distribution estimator", AISTATS',
    'Uria et al. 2016, arXiv:1605.02226',
  ],
  options,
  defaults: { steps: 30_000, batchSize: 100, learningRate: 1e-3, ema: 0.9999 },
  refuses: ({ spec }) => refusesBinary(spec),
  build,
  reproduce: {
    mnist: {
      summary: 'NADE of 500 units on dynamically binarized MNIST',
      data: 'mnist',
      options: { hidden: 500 },
      training: { steps: 30_000, batchSize: 100, learningRate: 1e-3 },
      published:
        '85.65 nats, dynamic binarization, test split (pytorch-generative, README); on the fixed one, which does not compare, 88.86 (Larochelle and Murray 2011, as cited there)',
    },
  },
});
