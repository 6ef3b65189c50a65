import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise, hostTensor, type InputSpec, meanScalar, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { markovChainPrograms } from '../../../core/chain.ts';
import { gradientModel } from '../../../core/gradient-model.ts';
import { lossAndGradients } from '../../../core/gradients.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import { asKind, type StateSpecs } from '../../../model/state.ts';
import { binarise } from '../../../nn/distributions.ts';
import { annealingPrograms } from '../annealing.ts';
import { completionProgram } from '../completion.ts';
import { machineOptions, stepsPerCall } from '../machine-programs.ts';
import { chainOptions, trainingChains } from '../training-chains.ts';
import {
  gaussianFreeEnergy,
  gaussianHiddenInputs,
  gaussianNames,
  gaussianOf,
  gaussianPath,
  gaussianVisibleMean,
  inDataUnits,
  momentsOf,
  standardised,
} from './gaussian-machine.ts';

const options = z.strictObject({
  hidden: z.number().int().min(1).max(65_536).default(100).describe('hidden units'),
  variance: z
    .enum(['unit', 'learned'])
    .default('learned')
    .describe('variance of a visible unit given the hidden ones: that of the data, or learned from there'),
  // Chains of one temperature stay in the cluster that they began in.
  ...chainOptions('tempered'),
  ...machineOptions,
});
export type GaussianRbmOptions = z.infer<typeof options>;

/**
 * Restricted Boltzmann machine of real visible and binary hidden units:
 *
 *   E(x, h) = sum_i (x_i - b_i)^2 / (2 sigma_i^2) - c h - (x / sigma^2) W h        Cho, Ilin and Raiko 2011, eq. 3
 *   p(x) = exp(-F(x)) / Z,   F(x) = sum_i (x_i - b_i)^2 / (2 sigma_i^2) - sum_j softplus(c_j + (x / sigma^2) W_j)
 *
 * where x are the data's values less their means, by their deviations (Hinton 2010, section 13.2). Given h they are
 * normal, so p(x) is a mixture of 2^H normal distributions that share their variances. Learned variances are
 * exp(z_i) (Cho et al., section 3.2). The gradient is that of F at the data less that at chains, by (persistent)
 * contrastive divergence or tempered chains; Z is estimated by annealing from the standard normal distribution.
 */
function build(grbm: GaussianRbmOptions, { spec }: DataDescription): Trainable {
  const { hidden, sampleSteps } = grbm;
  const shape = [...spec.shape];
  const visible = sizeOf(shape);
  const parameters: StateSpecs = {
    [gaussianNames.weights]: { shape: [visible, hidden], initial: { distribution: 'normal', scale: 0.01 } },
    [gaussianNames.visibleBias]: { shape: [visible], initial: 0 },
    [gaussianNames.hiddenBias]: { shape: [hidden], initial: 0 },
    ...(grbm.variance === 'learned' && {
      [gaussianNames.logVariance]: { shape: [visible], initial: 0 },
    }),
  };
  const chains = trainingChains(grbm, { visible, hidden, visibleNoise: 'normal' });
  const path = (state: NamedTensors) => gaussianPath(gaussianOf(state));
  const example = (x: tf.Tensor, state: NamedTensors) =>
    tf.reshape(inDataUnits(state, x), [x.shape[0]!, ...shape]);
  /** E[x | the means of h given x], standardised. */
  const givenBack = (state: NamedTensors, x: tf.Tensor) => {
    const machine = gaussianOf(state);
    return gaussianVisibleMean(machine, tf.sigmoid(gaussianHiddenInputs(machine, x)));
  };
  const data: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;

  const noise = {
    hidden: { distribution: 'uniform', shape: [hidden] },
    visible: { distribution: 'normal', shape: [visible] },
  } as const;
  /** A block Gibbs step: standardised values, and the means that they are drawn about. */
  const gibbs = (state: NamedTensors, values: tf.Tensor, draws: NamedTensors) => {
    const machine = gaussianOf(state);
    const h = binarise(tf.sigmoid(gaussianHiddenInputs(machine, values)), draws.hidden!);
    const means = gaussianVisibleMean(machine, h);
    return { means, values: tf.add(means, tf.mul(tf.sqrt(machine.variance), draws.visible!)) };
  };
  const chain = markovChainPrograms({
    ...{ steps: sampleSteps, mostSteps: 1_000_000, stepsPerCall: Math.min(sampleSteps, stepsPerCall) },
    carries: { values: [visible], means: [visible] },
    noise,
    inputs: {
      [meanScalar]: {
        ...{ dtype: 'float32', shape: [], role: 'scalar', min: 0, max: 1 },
        default: spec.kind === 'image' ? 1 : 0,
      },
    },
    outputs: { data: dataOutput },
    start: (_, { noise }) => ({ values: noise.visible!, means: tf.mul(0, noise.visible!) }),
    step: (state, { values }, { noise }) => gibbs(state, values!, noise),
    finish: (state, { values, means }, inputs) => ({
      data: example(tf.where(tf.equal(inputs[meanScalar]!, 1), means!, values!), state),
    }),
  });

  return gradientModel({
    parameters,
    filters: gaussianNames.weights,
    state: (batchSize) => ({
      ...asKind('data', {
        [gaussianNames.dataMean]: { shape: [visible], initial: 0 },
        [gaussianNames.dataDeviation]: { shape: [visible], initial: 1 },
      }),
      ...chains.state(batchSize),
    }),
    initialise: async (state, dataset, seed) => {
      const { mean, deviation } = await momentsOf(dataset);
      const start = {
        ...state,
        [gaussianNames.dataMean]: hostTensor('float32', [visible], mean),
        [gaussianNames.dataDeviation]: hostTensor('float32', [visible], deviation),
      };
      if (!state.chains) return start;
      const [count = 0, ...each] = state.chains.shape;
      const drawn = fillNoise({
        ...{ distribution: 'normal', seed, stream: 'chains', firstIndex: 0, count, shape: each },
      });
      return { ...start, chains: hostTensor('float32', [count, ...each], drawn) };
    },
    noise: chains.noise,
    gradients: (state, { data, noise }) => {
      const x = standardised(state, data);
      const { chains: ends, statistics } = chains.run(path(state), { state, v: x, noise });
      const { gradients, metrics } = lossAndGradients(state, parameters, (current) => {
        const machine = gaussianOf(current);
        const energies = [x, ends].map((values) => tf.mean(gaussianFreeEnergy(machine, values)));
        return { loss: tf.sub(energies[0]!, energies[1]!) };
      });
      const loss = tf.mean(tf.sum(tf.square(tf.sub(x, givenBack(state, x))), 1));
      return { gradients, metrics: { loss, freeEnergyGap: tf.neg(metrics.loss) }, statistics };
    },
    metrics: {
      loss: {
        direction: 'falls',
        meaning: 'squared error of what means give back, in deviations of the data',
      },
      freeEnergyGap: { direction: 'neither', meaning: 'free energy of chains less that of data, nats' },
    },
    programs: {
      ...chain,
      // Rows of points say nothing.
      ...(spec.kind === 'image' && {
        complete: completionProgram({
          ...{ shape, units: visible, noise, example, unitsOf: standardised },
          begin: {
            mean: 0,
            values: (means, { visible }, known) => tf.where(known, means, visible!),
          },
          step: (state, { values }, { noise }) => gibbs(state, values!, noise),
        }),
      }),
      ...annealingPrograms({
        ...{
          path,
          visible,
          visibleNoise: 'normal',
          hidden,
          example,
          units: (x, state) => standardised(state, x),
        },
        ...{ shape, temperatures: grbm.temperatures, stepsPerCall },
      }),
      encode: {
        signature: {
          inputs: { data },
          outputs: { code: { dtype: 'float32', shape: [hidden], meaning: 'latent' } },
        },
        run: (state, { data }) => ({
          code: tf.sigmoid(gaussianHiddenInputs(gaussianOf(state), standardised(state, data!))),
        }),
      },
      reconstruct: {
        signature: { inputs: { data }, outputs: { reconstruction: dataOutput } },
        run: (state, { data }) => ({
          reconstruction: example(givenBack(state, standardised(state, data!)), state),
        }),
      },
      freeEnergy: {
        signature: {
          inputs: { data },
          outputs: { freeEnergy: { dtype: 'float32', shape: [], meaning: 'other' } },
        },
        // The density of the data's own values is smaller by the product of their deviations.
        run: (state, { data }) => ({
          freeEnergy: tf.add(
            gaussianFreeEnergy(gaussianOf(state), standardised(state, data!)),
            tf.sum(tf.log(state[gaussianNames.dataDeviation]!)),
          ),
        }),
      },
    },
  });
}

export const grbm = defineFamily<GaussianRbmOptions>({
  name: 'grbm',
  title: 'Gaussian-binary restricted Boltzmann machine',
  taxonomy: ['explicit density', 'approximate', 'Markov chain'],
  equation: 'p(x) ∝ Σ_h exp(-‖(x - b) / σ‖² / 2 + c·h + (x / σ²)·W h)',
  sources: [
    'Cho, Ilin and Raiko 2011, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", ICANN',
    'Hinton 2010, "A practical guide to training restricted Boltzmann machines", section 13.2',
  ],
  options,
  defaults: { steps: 20_000, batchSize: 100, learningRate: 1e-3, optimizer: 'adam', schedule: 'linear' },
  refuses: ({ spec }) =>
    spec.kind === 'audio' ? 'models points and images: it has no use for the order of samples' : null,
  build,
  reproduce: {
    digits8: {
      summary: 'Drawn digits of 8x8 grey pixels in about a minute',
      data: 'digits8',
      options: { hidden: 128, chains: 'persistent', sampleSteps: 300, temperatures: 1000 },
      training: { steps: 5000, batchSize: 100 },
      published: 'none',
    },
  },
});
