import { type NamedTensors, scan, tf } from '@generatrix/export';
import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { type GradientPhase, gradientModel } from '../../../core/gradient-model.ts';
import type { Turn } from '../../../core/turn.ts';
import { type DataDescription, defineFamily, type Trainable } from '../../../model/family.ts';
import type { NoiseSpec } from '../../../model/model.ts';
import { asKind, type StateSpecs } from '../../../model/state.ts';
import { bernoulliLogProb, binarise, sumExamples } from '../../../nn/distributions.ts';
import { refusesBinary } from '../../../nn/unit-image.ts';
import { binaryPath } from '../annealed-path.ts';
import { annealingPrograms } from '../annealing.ts';
import { baseRates, independentUnits, logOddsOf } from '../base-rates.ts';
import { type GibbsNoise, gibbsSteps, hiddenMean } from '../bipartite.ts';
import { gibbsCompletion } from '../completion.ts';
import {
  binaryUnits,
  gibbsPrograms,
  machineDefaults,
  machineOptions,
  programOfExamples,
  stepsPerCall,
} from '../machine-programs.ts';
import { bottomAlone, dbmNames, dbmOf, meanField, topAlone, variationalFreeEnergy } from './dbm-machine.ts';

const count = z.number().int().min(1);
const options = z.strictObject({
  hidden: z
    .tuple([count.max(65_536), count.max(65_536)])
    .default([500, 1000])
    .describe('units of the two hidden layers, from the data up'),
  pretraining: z
    .number()
    .int()
    .min(0)
    .default(5000)
    .describe('steps that each layer is trained for alone before all are together; 0 for none'),
  gibbs: count.max(1000).default(5).describe('block Gibbs steps of the chains in a training step'),
  meanFieldTurns: count.max(1000).default(10).describe('times that each layer of a posterior is renewed'),
  ...machineOptions,
});
export type DbmOptions = z.infer<typeof options>;

/**
 * Deep Boltzmann machine of two hidden layers of binary units:
 *
 *   p(v, h1, h2) = exp(b v + c h1 + d h2 + v W h1 + h1 U h2) / Z          Salakhutdinov and Hinton 2009, eq. 10
 *
 * trained by the gradient of a bound of log p: expectations given the data by mean field, those of the model at
 * persistent chains (section 2.1). Each layer is trained alone first, by contrastive divergence with the inputs of the
 * first hidden layer doubled (section 3.1). Given the first hidden layer, data and second layer are independent, so
 * chains and annealing are those of a machine of two sides (`../bipartite.ts`).
 */
function build(dbm: DbmOptions, { spec }: DataDescription): Trainable {
  const { hidden, pretraining, gibbs, meanFieldTurns: turns } = dbm;
  const [first, second] = hidden;
  const shape = [...spec.shape];
  const visible = sizeOf(shape);
  const side = visible + second;
  /** Small, yet not so small that the first steps find nothing to grow from. */
  const between = (below: number, above: number) =>
    ({ distribution: 'normal', scale: 1 / Math.sqrt(below + above) }) as const;
  const bottom: StateSpecs = {
    [dbmNames.bottom]: { shape: [visible, first], initial: between(visible, first) },
    [dbmNames.visibleBias]: { shape: [visible], initial: 0 },
    [dbmNames.firstBias]: { shape: [first], initial: 0 },
  };
  const top: StateSpecs = {
    [dbmNames.top]: { shape: [first, second], initial: between(first, second) },
    [dbmNames.secondBias]: { shape: [second], initial: 0 },
  };
  const uniform = (...of: number[]): NoiseSpec => ({ distribution: 'uniform', shape: of });
  const example = (values: tf.Tensor) =>
    tf.reshape(tf.slice(values, [0, 0], [-1, visible]), [values.shape[0]!, ...shape]);
  const stepsFirst = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2]);

  /** What so many steps of contrastive divergence make of a layer's values [batch, n] when it is trained alone. */
  const negative = (
    layer: { up(x: tf.Tensor): tf.Tensor; down(h: tf.Tensor): tf.Tensor },
    from: tf.Tensor,
    noise: NamedTensors,
  ) => {
    const { carries } = scan({
      carries: { x: from },
      sequences: { up: stepsFirst(noise.up!), down: stepsFirst(noise.down!) },
      body: ({ x }, draws) => {
        const h = binarise(layer.up(x!), draws.up!);
        return { carries: { x: binarise(tf.sigmoid(layer.down(h)), draws.down!) } };
      },
    });
    return carries.x!;
  };
  const products = (x: tf.Tensor, h: tf.Tensor) =>
    tf.div(tf.matMul(x as tf.Tensor2D, h as tf.Tensor2D, true), x.shape[0]!);
  const crossEntropy = (x: tf.Tensor, logits: tf.Tensor) =>
    tf.neg(tf.mean(sumExamples(bernoulliLogProb(x, logits))));

  const bottomTurn: Turn = {
    players: ['bottom'],
    run: (state, { data, noise }) => {
      const layer = bottomAlone(state);
      const v = binaryUnits(data, noise.uniform!);
      const chains = negative(layer, v, noise);
      const [h, other] = [layer.up(v), layer.up(chains)];
      const gradients = {
        [dbmNames.bottom]: tf.sub(products(chains, other), products(v, h)),
        [dbmNames.visibleBias]: tf.sub(tf.mean(chains, 0), tf.mean(v, 0)),
        [dbmNames.firstBias]: tf.sub(tf.mean(other, 0), tf.mean(h, 0)),
      };
      return { gradients: { bottom: gradients }, metrics: { loss: crossEntropy(v, layer.down(h)) } };
    },
  };
  const topTurn: Turn = {
    players: ['top'],
    run: (state, { data, noise }) => {
      const layer = topAlone(state);
      const h1 = binarise(bottomAlone(state).up(binaryUnits(data, noise.uniform!)), noise.first!);
      const chains = negative(layer, h1, noise);
      const [h2, other] = [layer.up(h1), layer.up(chains)];
      const gradients = {
        [dbmNames.top]: tf.sub(products(chains, other), products(h1, h2)),
        [dbmNames.secondBias]: tf.sub(tf.mean(other, 0), tf.mean(h2, 0)),
      };
      return { gradients: { top: gradients }, metrics: { loss: crossEntropy(h1, layer.down(h2)) } };
    },
  };
  const jointTurn: Turn = {
    players: ['bottom', 'top'],
    run: (state, { data, noise }) => {
      const machine = dbmOf(state);
      const v = binaryUnits(data, noise.uniform!);
      const chains = gibbsSteps(machine, state.chains!, noise as unknown as GibbsNoise);
      const [fantasy, above] = [
        tf.slice(chains, [0, 0], [-1, visible]),
        tf.slice(chains, [0, visible], [-1, second]),
      ];
      const h1 = hiddenMean(machine, chains);
      const q = meanField(state, v, turns);
      return {
        gradients: {
          bottom: {
            [dbmNames.bottom]: tf.sub(products(fantasy, h1), products(v, q.first)),
            [dbmNames.visibleBias]: tf.sub(tf.mean(fantasy, 0), tf.mean(v, 0)),
            [dbmNames.firstBias]: tf.sub(tf.mean(h1, 0), tf.mean(q.first, 0)),
          },
          top: {
            [dbmNames.top]: tf.sub(products(h1, above), products(q.first, q.second)),
            [dbmNames.secondBias]: tf.sub(tf.mean(above, 0), tf.mean(q.second, 0)),
          },
        },
        metrics: { loss: crossEntropy(v, bottomAlone(state).down(q.first)) },
        statistics: { chains },
      };
    },
  };
  const data = { uniform: uniform(...shape) };
  const joint = { ...data, hidden: uniform(gibbs, first), visible: uniform(gibbs, side) };
  const phases: readonly [GradientPhase, ...GradientPhase[]] = [
    {
      ...{ name: 'first layer', steps: pretraining, turns: [bottomTurn] },
      noise: { ...data, up: uniform(gibbs, first), down: uniform(gibbs, visible) },
    },
    {
      ...{ name: 'second layer', steps: pretraining, turns: [topTurn] },
      noise: {
        ...{ ...data, first: uniform(first) },
        ...{ up: uniform(gibbs, second), down: uniform(gibbs, first) },
      },
    },
    { name: 'all layers', turns: [jointTurn], noise: joint },
  ];

  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;
  const sides = { visible: side, hidden: first, example, shape };
  const path = (state: NamedTensors) =>
    binaryPath(dbmOf(state), tf.concat([state[baseRates]!, tf.zeros([second])], 0));
  const { anneal } = annealingPrograms({
    ...sides,
    ...{ path, temperatures: dbm.temperatures, stepsPerCall },
  });

  return gradientModel({
    filters: dbmNames.bottom,
    players: { bottom: { parameters: bottom }, top: { parameters: top } },
    ...(pretraining > 0 ? { phases } : { turns: [jointTurn], noise: joint }),
    state: (batchSize) => ({
      ...asKind('data', { [baseRates]: { shape: [visible], initial: 0 } }),
      ...asKind('statistic', { chains: { shape: [batchSize, side], initial: 0 } }),
    }),
    initialise: async (state, dataset, seed) => {
      const odds = hostTensor('float32', [visible], await logOddsOf(dataset));
      const all = [...odds.data, ...new Array<number>(second).fill(0)];
      const chains = independentUnits(all, state.chains!.shape[0]!, seed);
      return { ...state, [baseRates]: odds, [dbmNames.visibleBias]: odds, chains };
    },
    metrics: {
      loss: { direction: 'falls', meaning: 'cross-entropy of what the means of a layer give back, nats' },
    },
    programs: {
      ...gibbsPrograms({ ...sides, machine: dbmOf, steps: dbm.sampleSteps }),
      complete: gibbsCompletion({ ...sides, machine: dbmOf }),
      anneal,
      encode: programOfExamples(
        shape,
        'code',
        { dtype: 'float32', shape: [second], meaning: 'latent' },
        (state, v) => meanField(state, v, turns).second,
      ),
      reconstruct: programOfExamples(shape, 'reconstruction', dataOutput, (state, v) =>
        example(tf.sigmoid(bottomAlone(state).down(meanField(state, v, turns).first))),
      ),
      variationalFreeEnergy: programOfExamples(
        shape,
        'freeEnergy',
        { dtype: 'float32', shape: [], meaning: 'other' },
        (state, v) => variationalFreeEnergy(state, v, turns),
      ),
    },
  });
}

export const dbm = defineFamily<DbmOptions>({
  name: 'dbm',
  title: 'Deep Boltzmann machine',
  taxonomy: ['explicit density', 'approximate', 'Markov chain'],
  equation: 'p(v) ∝ Σ_h exp(b·v + c·h¹ + d·h² + v·W h¹ + h¹·U h²)',
  sources: ['Salakhutdinov and Hinton 2009, "Deep Boltzmann machines", AISTATS'],
  options,
  defaults: machineDefaults,
  refuses: ({ spec }) => refusesBinary(spec),
  build,
  reproduce: {
    mnist: {
      summary: 'Hidden layers of 500 and 1,000 units on MNIST',
      data: 'mnist',
      options: { hidden: [500, 1000], pretraining: 60_000 },
      training: { steps: 300_000, batchSize: 100, learningRate: 0.005, ema: 0.999 },
      published:
        'a bound of -84.62 nats, test split, by annealed importance sampling (Salakhutdinov and Hinton 2009, table 1; not checked)',
    },
    'mnist-laptop': {
      summary: 'The same machine, fewer steps',
      data: 'mnist',
      options: { hidden: [500, 1000], pretraining: 5000 },
      training: { steps: 30_000, batchSize: 100, learningRate: 0.01, ema: 0.999 },
      published: 'none of this length; a bound of -84.62 nats (Salakhutdinov and Hinton 2009; not checked)',
    },
  },
});
