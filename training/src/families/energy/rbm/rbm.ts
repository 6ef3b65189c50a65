import { tf } from '@generatrix/export';
import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import type { NoiseSpec } from '../../../model/model.ts';
import { asKind, type StateSpecs } from '../../../model/state.ts';
import { isUnitImage } from '../../../nn/unit-image.ts';
import { annealingPrograms, baseRates, independentUnits, logOddsOf } from '../annealing.ts';
import { freeEnergy, type GibbsNoise, gibbsSteps, hiddenMean, pseudoLogLikelihood } from '../bipartite.ts';
import { divergenceGradients, divergenceMetrics } from '../contrastive-divergence.ts';
import {
  binaryUnits,
  gibbsPrograms,
  machineOptions,
  programOfExamples,
  stepsPerCall,
} from '../machine-programs.ts';
import { rbmNames, rbmOf } from './rbm-machine.ts';

const options = z.strictObject({
  hidden: z.number().int().min(1).max(65_536).default(500).describe('hidden units'),
  chains: z
    .enum(['data', 'persistent'])
    .default('persistent')
    .describe(
      'where the chains of a step begin: at its data (CD), or where they were after the last step (PCD)',
    ),
  gibbs: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('block Gibbs steps of the chains in a training step'),
  ...machineOptions,
});
export type RbmOptions = z.infer<typeof options>;

/**
 * Restricted Boltzmann machine of binary units:
 *
 *   p(v, h) = exp(-E(v, h)) / Z,   E(v, h) = -b v - c h - v W h          Smolensky 1986; Hinton 2002
 *   p(v) = exp(-F(v)) / Z,   F(v) = -b v - sum_j log(1 + exp(c_j + v W_j))
 *
 * trained by (persistent) contrastive divergence: the gradient of log p with its expectation under the model taken at
 * chains of `gibbs` steps (`../contrastive-divergence.ts`). Examples are binarised anew in each step. What is drawn is the
 * end of a block Gibbs chain from fair coins, so samples are the model's only as far as that chain has mixed. Its
 * partition function is estimated by annealing (`../annealing.ts`).
 */
function build(rbm: RbmOptions, { spec }: DataDescription): Trainable {
  const { hidden, gibbs } = rbm;
  const persistent = rbm.chains === 'persistent';
  const shape = [...spec.shape];
  const visible = sizeOf(shape);
  const parameters: StateSpecs = {
    [rbmNames.weights]: { shape: [visible, hidden], initial: { distribution: 'normal', scale: 0.01 } },
    [rbmNames.visibleBias]: { shape: [visible], initial: 0 },
    [rbmNames.hiddenBias]: { shape: [hidden], initial: 0 },
  };
  const uniform = (of: readonly number[]): NoiseSpec => ({ distribution: 'uniform', shape: of });
  const sides = {
    ...{ visible, hidden, shape },
    example: (values: tf.Tensor) => tf.reshape(values, [values.shape[0]!, ...shape]),
  };
  const number = { dtype: 'float32', shape: [], meaning: 'other' } as const;

  return gradientModel({
    parameters,
    state: (batchSize) => ({
      ...asKind('data', { [baseRates]: { shape: [visible], initial: 0 } }),
      ...(persistent && asKind('statistic', { chains: { shape: [batchSize, visible], initial: 0 } })),
    }),
    // Visible units begin with the data's means (Hinton 2010, section 8.1), and chains as draws of them.
    initialise: async (state, dataset, seed) => {
      const odds = hostTensor('float32', [visible], await logOddsOf(dataset));
      const start = { ...state, [baseRates]: odds, [rbmNames.visibleBias]: odds };
      return state.chains
        ? { ...start, chains: independentUnits(odds.data, state.chains.shape[0]!, seed) }
        : start;
    },
    noise: {
      uniform: uniform(shape),
      hidden: uniform([gibbs, hidden]),
      visible: uniform([gibbs, visible]),
      unit: uniform([1]),
    },
    gradients: (state, { data, noise }) => {
      const [machine, v] = [rbmOf(state), binaryUnits(data, noise.uniform!)];
      const chains = gibbsSteps(machine, persistent ? state.chains! : v, noise as unknown as GibbsNoise);
      return {
        gradients: Object.fromEntries(
          Object.entries(divergenceGradients(machine, v, chains)).map(([name, gradient]) => [
            rbmNames[name as keyof typeof rbmNames],
            gradient,
          ]),
        ),
        metrics: divergenceMetrics(machine, v, chains, noise.unit!),
        ...(persistent && { statistics: { chains } }),
      };
    },
    metrics: {
      loss: { direction: 'falls', meaning: 'minus the pseudo-log-likelihood, nats' },
      freeEnergyGap: { direction: 'neither', meaning: 'free energy of chains less that of data, nats' },
    },
    programs: {
      ...gibbsPrograms({ ...sides, machine: rbmOf, steps: rbm.sampleSteps }),
      ...annealingPrograms({
        ...sides,
        machine: (state) => ({ ...rbmOf(state), odds: state[baseRates]! }),
        ...{ temperatures: rbm.temperatures, stepsPerCall },
      }),
      encode: programOfExamples(
        shape,
        'code',
        { dtype: 'float32', shape: [hidden], meaning: 'latent' },
        (state, v) => hiddenMean(rbmOf(state), v),
      ),
      freeEnergy: programOfExamples(shape, 'freeEnergy', number, (state, v) => freeEnergy(rbmOf(state), v)),
      pseudoLogLikelihood: programOfExamples(shape, 'pseudoLogLikelihood', number, (state, v) =>
        pseudoLogLikelihood(rbmOf(state), v),
      ),
    },
  });
}

export const rbm = defineFamily<RbmOptions>({
  name: 'rbm',
  title: 'Restricted Boltzmann machine',
  taxonomy: ['explicit density', 'approximate', 'Markov chain'],
  equation: 'p(v) ∝ Σ_h exp(b·v + c·h + v·W h)',
  sources: [
    'Smolensky 1986, "Information processing in dynamical systems: foundations of harmony theory"',
    'Hinton 2002, "Training products of experts by minimizing contrastive divergence", Neural Computation 14',
    'Tieleman 2008, "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML',
  ],
  options,
  defaults: {
    steps: 20_000,
    batchSize: 100,
    learningRate: 0.01,
    optimizer: 'sgd',
    momentum: 0,
    schedule: 'linear',
  },
  refuses: ({ spec }) => {
    return isUnitImage(spec) ? null : 'models binary data: it needs images with values in [0, 1]';
  },
  build,
  reproduce: {},
});
