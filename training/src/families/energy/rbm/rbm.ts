import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../../core/gradient-model.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import type { NoiseSpec } from '../../../model/model.ts';
import { asKind, type StateSpecs } from '../../../model/state.ts';
import { refusesBinary } from '../../../nn/unit-image.ts';
import { binaryPath } from '../annealed-path.ts';
import { annealingPrograms } from '../annealing.ts';
import { baseRates, independentUnits, logOddsOf } from '../base-rates.ts';
import { freeEnergy, hiddenMean, pseudoLogLikelihood } from '../bipartite.ts';
import { gibbsCompletion } from '../completion.ts';
import { divergenceGradients, divergenceMetrics } from '../contrastive-divergence.ts';
import {
  binaryUnits,
  gibbsPrograms,
  machineDefaults,
  machineOptions,
  programOfExamples,
  stepsPerCall,
} from '../machine-programs.ts';
import { chainOptions, trainingChains } from '../training-chains.ts';
import { rbmNames, rbmOf } from './rbm-machine.ts';

const options = z.strictObject({
  hidden: z.number().int().min(1).max(65_536).default(500).describe('hidden units'),
  ...chainOptions('persistent'),
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
 * chains of `gibbs` steps (`../contrastive-divergence.ts`), which may be tempered (`../tempering.ts`). Examples are
 * binarised anew in each step. What is drawn is the end of a block Gibbs chain from fair coins, so samples are the model's
 * only as far as that chain has mixed. Its partition function is estimated by annealing (`../annealing.ts`).
 */
function build(rbm: RbmOptions, { spec }: DataDescription): Trainable {
  const { hidden } = rbm;
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

  const chains = trainingChains(rbm, { visible, hidden });
  const path = (state: NamedTensors) => binaryPath(rbmOf(state), state[baseRates]!);

  return gradientModel({
    parameters,
    filters: rbmNames.weights,
    state: (batchSize) => ({
      ...asKind('data', { [baseRates]: { shape: [visible], initial: 0 } }),
      ...chains.state(batchSize),
    }),
    // Visible units begin with the data's means (Hinton 2010, section 8.1), and chains as draws of them.
    initialise: async (state, dataset, seed) => {
      const odds = hostTensor('float32', [visible], await logOddsOf(dataset));
      const start = { ...state, [baseRates]: odds, [rbmNames.visibleBias]: odds };
      if (!state.chains) return start;
      const { shape: all } = state.chains;
      const { data } = independentUnits(odds.data, sizeOf(all) / visible, seed);
      return { ...start, chains: hostTensor('float32', all, data) };
    },
    noise: { uniform: uniform(shape), unit: uniform([1]), ...chains.noise },
    gradients: (state, { data, noise }) => {
      const [machine, v] = [rbmOf(state), binaryUnits(data, noise.uniform!)];
      const { chains: ends, statistics } = chains.run(path(state), { state, v, noise });
      return {
        gradients: Object.fromEntries(
          Object.entries(divergenceGradients(machine, v, ends)).map(([name, gradient]) => [
            rbmNames[name as keyof typeof rbmNames],
            gradient,
          ]),
        ),
        metrics: divergenceMetrics(machine, v, ends, noise.unit!),
        statistics,
      };
    },
    metrics: {
      loss: { direction: 'falls', meaning: 'minus the pseudo-log-likelihood, nats' },
      freeEnergyGap: { direction: 'neither', meaning: 'free energy of chains less that of data, nats' },
    },
    programs: {
      ...gibbsPrograms({ ...sides, machine: rbmOf, steps: rbm.sampleSteps }),
      complete: gibbsCompletion({ ...sides, machine: rbmOf }),
      ...annealingPrograms({
        ...sides,
        path,
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
    'Desjardins, Courville, Bengio, Vincent and Delalleau 2010, "Tempered Markov chain Monte Carlo for training of restricted Boltzmann machines", AISTATS',
    'Tieleman 2008, "Training restricted Boltzmann machines using approximations to the likelihood gradient", ICML',
  ],
  options,
  defaults: machineDefaults,
  refuses: ({ spec }) => refusesBinary(spec),
  build,
  reproduce: {
    digits8: {
      summary: 'Drawn digits of 8x8 pixels in about a minute',
      data: 'digits8',
      options: { hidden: 128, sampleSteps: 300, temperatures: 1000 },
      training: { steps: 10_000, batchSize: 100, learningRate: 0.05 },
      published: 'none',
    },
    'mnist-laptop': {
      summary: '500 hidden units, persistent chains of 5 steps, about 21 minutes of one core',
      data: 'mnist',
      options: { hidden: 500, gibbs: 5 },
      training: { steps: 45_000, batchSize: 100, learningRate: 0.05, ema: 0.9995 },
      published:
        '-86.34 nats, test split, with chains of 25 steps from the data (Salakhutdinov and Murray 2008, CD25(500), as later code quotes it; the paper not checked)',
    },
    mnist: {
      summary: '500 hidden units, chains of 25 steps from the data, on MNIST',
      data: 'mnist',
      options: { hidden: 500, chains: 'data', gibbs: 25 },
      training: { steps: 300_000, batchSize: 100, learningRate: 0.05 },
      published:
        '-86.34 nats, test split, by annealed importance sampling (Salakhutdinov and Murray 2008, CD25(500), as later code quotes it; the paper not checked)',
    },
  },
});
