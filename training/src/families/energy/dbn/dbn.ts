import { type NamedTensors, tf } from '@generatrix/export';
import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { type GradientPhase, gradientModel } from '../../../core/gradient-model.ts';
import type { Player } from '../../../core/turn.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import type { NoiseSpec } from '../../../model/model.ts';
import { asKind, type StateSpecs } from '../../../model/state.ts';
import { refusesBinary } from '../../../nn/unit-image.ts';
import { binaryPath } from '../annealed-path.ts';
import { annealingPrograms } from '../annealing.ts';
import { independentUnits, logOddsOf } from '../base-rates.ts';
import { type GibbsNoise, gibbsSteps } from '../bipartite.ts';
import { divergenceGradients, divergenceMetrics } from '../contrastive-divergence.ts';
import {
  binaryUnits,
  machineDefaults,
  machineOptions,
  programOfExamples,
  stepsPerCall,
} from '../machine-programs.ts';
import { dbnNames, generated, machineOf, recognised } from './dbn-machine.ts';
import {
  completionChain,
  freeEnergyProgram,
  layerNoise,
  type Network,
  samplingChain,
} from './dbn-programs.ts';

const options = z.strictObject({
  hidden: z
    .array(z.number().int().min(1).max(65_536))
    .min(2)
    .max(10)
    .default([500, 2000])
    .describe('units of the hidden layers, from the data up; the last two are the machine on top'),
  pretraining: z
    .number()
    .int()
    .min(1)
    .default(5000)
    .describe('steps that each layer below the last is trained for; the last has the rest of the run'),
  gibbs: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('block Gibbs steps of the chains in a training step'),
  ...machineOptions,
});
export type DbnOptions = z.infer<typeof options>;

/** Running mean of the units that the machine on top sees, from which its annealing begins. */
const topMeans = 'top/means';
/** What the mean of a step counts in it. */
const renewal = 0.01;
/** Means are kept from 0 and 1 by this, where their log odds would be infinite. */
const margin = 1e-3;

/**
 * Deep belief network: a restricted Boltzmann machine on top, and below it directed layers of binary units,
 *
 *   p(v, h_1 ... h_L) = p(h_{L-1}, h_L) prod_{l=1}^{L-1} p(h_{l-1} | h_l),   p(h_{l-1} | h_l) = sigmoid(b_{l-1} + W_l h_l)
 *                                                            Hinton, Osindero and Teh 2006, section 3, h_0 = v
 *
 * trained greedily (section 4): layer by layer a machine on what recognition q(h_l | h_{l-1}) = sigmoid(r_l + h_{l-1} W_l)
 * makes of the data, by contrastive divergence; the last by persistent chains. Weights of directed layers go both ways.
 * What is drawn is the end of a Gibbs chain of the machine on top, passed down. Its bound of log p needs the partition
 * function of the machine on top alone (Salakhutdinov and Murray 2008, section 3), which is estimated by annealing.
 */
function build(dbn: DbnOptions, { spec }: DataDescription): Trainable {
  const { gibbs, pretraining } = dbn;
  const shape = [...spec.shape];
  const widths = [sizeOf(shape), ...dbn.hidden];
  const top = dbn.hidden.length;
  const side = widths[top - 1]!;
  const example = (values: tf.Tensor) => tf.reshape(values, [values.shape[0]!, ...shape]);
  const network: Network = { widths, shape, example };
  const uniform = (...of: number[]): NoiseSpec => ({ distribution: 'uniform', shape: of });
  const layers = dbn.hidden.map((_, i) => i + 1);
  const playerOf = (layer: number) => `layer${layer}`;
  /** Names in the state of what a layer's machine is made of. */
  const namesOf = (layer: number) => ({
    weights: dbnNames.weights(layer),
    visibleBias: dbnNames.bias(layer - 1),
    hiddenBias: layer === top ? dbnNames.bias(layer) : dbnNames.recognition(layer),
  });

  const players: Record<string, Player> = Object.fromEntries(
    layers.map((layer) => {
      const [below, above] = [widths[layer - 1]!, widths[layer]!];
      const { weights, visibleBias, hiddenBias } = namesOf(layer);
      const parameters: StateSpecs = {
        [weights]: { shape: [below, above], initial: { distribution: 'normal', scale: 0.01 } },
        [visibleBias]: { shape: [below], initial: 0 },
        [hiddenBias]: { shape: [above], initial: 0 },
      };
      return [playerOf(layer), { parameters }];
    }),
  );

  const renewed = (state: NamedTensors, x: tf.Tensor) =>
    tf.add(tf.mul(1 - renewal, state[topMeans]!), tf.mul(renewal, tf.mean(x, 0)));

  const phaseOf = (layer: number): GradientPhase => ({
    name: layer === top ? 'machine on top' : `layer ${layer}`,
    ...(layer < top && { steps: pretraining }),
    noise: {
      ...{ uniform: uniform(...shape), unit: uniform(1) },
      ...Object.fromEntries(layers.slice(0, layer - 1).map((n) => [layerNoise(n), uniform(widths[n]!)])),
      ...{ hidden: uniform(gibbs, widths[layer]!), visible: uniform(gibbs, widths[layer - 1]!) },
    },
    turns: [
      {
        players: [playerOf(layer)],
        run: (state, { data, noise }) => {
          const machine = machineOf(state, layer, top);
          const v = binaryUnits(data, noise.uniform!);
          const below = { last: layer - 1, top, noise: (n: number) => noise[layerNoise(n)] };
          const x = recognised(state, v, below).at(-1)!;
          const from = layer === top ? state.chains! : x;
          const chains = gibbsSteps(machine, from, noise as unknown as GibbsNoise);
          const gradients = divergenceGradients(machine, x, chains);
          const names = namesOf(layer);
          return {
            gradients: {
              [playerOf(layer)]: {
                [names.weights]: gradients.weights,
                [names.visibleBias]: gradients.visibleBias,
                [names.hiddenBias]: gradients.hiddenBias,
              },
            },
            metrics: divergenceMetrics(machine, x, chains, noise.unit!),
            ...(layer === top && { statistics: { chains, [topMeans]: renewed(state, x) } }),
          };
        },
      },
    ],
  });
  const [first, ...others] = layers.map(phaseOf);

  const path = (state: NamedTensors) => {
    const means = tf.clipByValue(state[topMeans]!, margin, 1 - margin);
    return binaryPath(machineOf(state, top, top), tf.log(tf.div(means, tf.sub(1, means))));
  };
  const passedDown = (values: tf.Tensor, state: NamedTensors) =>
    example(generated(state, values, { top, noise: () => undefined }).probabilities);
  const { anneal } = annealingPrograms({
    ...{ path, visible: side, hidden: widths[top]!, example: passedDown, shape },
    ...{ temperatures: dbn.temperatures, stepsPerCall },
  });
  const meansOf = (state: NamedTensors, v: tf.Tensor) =>
    recognised(state, v, { last: top, top, noise: () => undefined });

  return gradientModel({
    filters: dbnNames.weights(1),
    players,
    phases: [first!, ...others],
    state: (batchSize) =>
      asKind('statistic', {
        chains: { shape: [batchSize, side], initial: 0 },
        [topMeans]: { shape: [side], initial: 0.5 },
      }),
    // Visible units begin with the data's means, chains as fair coins.
    initialise: async (state, dataset, seed) => ({
      ...state,
      [dbnNames.bias(0)]: hostTensor('float32', [widths[0]!], await logOddsOf(dataset)),
      chains: independentUnits(new Float32Array(side), state.chains!.shape[0]!, seed),
    }),
    metrics: {
      loss: { direction: 'falls', meaning: 'minus the pseudo-log-likelihood of what a layer sees, nats' },
      freeEnergyGap: { direction: 'neither', meaning: 'free energy of chains less that of data, nats' },
    },
    programs: {
      ...samplingChain(network, dbn.sampleSteps),
      complete: completionChain(network),
      anneal,
      encode: programOfExamples(
        shape,
        'code',
        { dtype: 'float32', shape: [widths[top]!], meaning: 'latent' },
        (state, v) => meansOf(state, v).at(-1)!,
      ),
      reconstruct: programOfExamples(
        shape,
        'reconstruction',
        { dtype: 'float32', shape, meaning: 'data' },
        (state, v) => passedDown(meansOf(state, v)[top - 1]!, state),
      ),
      variationalFreeEnergy: freeEnergyProgram(network),
    },
  });
}

export const dbn = defineFamily<DbnOptions>({
  name: 'dbn',
  title: 'Deep belief network',
  taxonomy: ['explicit density', 'approximate', 'Markov chain'],
  equation: 'p(v) = Σ_h p(v | h¹) p(h¹, h²),  p(h¹, h²) ∝ exp(b·h¹ + c·h² + h¹·U h²)',
  sources: [
    'Hinton, Osindero and Teh 2006, "A fast learning algorithm for deep belief nets", Neural Computation 18',
    'Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks", ICML',
  ],
  options,
  defaults: machineDefaults,
  refuses: ({ spec }) => refusesBinary(spec),
  build,
  reproduce: {
    mnist: {
      summary: 'Hidden layers of 500 and 2,000 units on MNIST',
      data: 'mnist',
      options: { hidden: [500, 2000], pretraining: 60_000, gibbs: 5 },
      training: { steps: 300_000, batchSize: 100, learningRate: 0.005, ema: 0.999 },
      published:
        'a bound of about -84.55 nats, test split (Murray and Salakhutdinov 2009, as later tables quote it; from memory, not checked)',
    },
    'mnist-laptop': {
      summary: 'The same network, fewer steps',
      data: 'mnist',
      options: { hidden: [500, 2000], pretraining: 5000 },
      training: { steps: 30_000, batchSize: 100, learningRate: 0.01, ema: 0.999 },
      published: 'none of this length',
    },
  },
});
