import { type NamedTensors, scan, tf } from '@generatrix/export';
import type { NoiseDistribution } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { NoiseSpec } from '../../model/model.ts';
import { asKind, type StateSpecs } from '../../model/state.ts';
import type { AnnealedPath } from './annealed-path.ts';
import { type TemperedNoise, temperedNoise, temperedSteps } from './tempering.ts';

const kinds = ['data', 'persistent', 'tempered'] as const;

/** Options of the chains that a step of training takes the expectation under the model at. @param usual kind of chains */
export const chainOptions = (usual: (typeof kinds)[number]) => ({
  chains: z
    .enum(kinds)
    .default(usual)
    .describe(
      'where the chains of a step begin: at its data (CD), or where they were after the last step (PCD), each then alone or with replicas at higher temperatures that it swaps with (parallel tempering)',
    ),
  replicas: z
    .number()
    .int()
    .min(2)
    .max(1000)
    .default(10)
    .describe('temperatures of each tempered chain, the model itself and independent units included'),
  gibbs: z
    .number()
    .int()
    .min(1)
    .max(1000)
    .default(1)
    .describe('block Gibbs steps of the chains in a training step'),
});

interface ChainOptions {
  readonly chains: (typeof kinds)[number];
  readonly replicas: number;
  readonly gibbs: number;
}

interface Sides {
  readonly visible: number;
  readonly hidden: number;
  /** Of the noise that visible units are drawn by; uniform when absent. */
  readonly visibleNoise?: NoiseDistribution;
}

/** The chains of a step of training, as the options say. */
export interface TrainingChains {
  /** What the state holds of them. */
  readonly state: (batchSize: number) => StateSpecs;
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /**
   * @param v the step's data, [batch, V]
   * @returns where the model's own chains are after the step [batch, V], and what the state then holds of all
   */
  readonly run: (
    path: AnnealedPath,
    at: { readonly state: NamedTensors; readonly v: tf.Tensor; readonly noise: NamedTensors },
  ) => { readonly chains: tf.Tensor; readonly statistics: NamedTensors };
}

/** @param sides units on either side */
export function trainingChains(
  { chains, replicas, gibbs }: ChainOptions,
  { visible, hidden, visibleNoise = 'uniform' }: Sides,
): TrainingChains {
  const tempered = chains === 'tempered';
  const held = (batchSize: number) => [batchSize, ...(tempered ? [replicas] : []), visible];
  return {
    state: (batchSize) =>
      chains === 'data' ? {} : asKind('statistic', { chains: { shape: held(batchSize), initial: 0 } }),
    noise: tempered
      ? temperedNoise(gibbs, replicas, { visible, hidden, visibleNoise })
      : {
          hidden: { distribution: 'uniform', shape: [gibbs, hidden] },
          visible: { distribution: visibleNoise, shape: [gibbs, visible] },
        },
    run: (path, { state, v, noise }) => {
      if (!tempered) {
        const after = plainSteps(path, state.chains ?? v, noise);
        const statistics: NamedTensors = chains === 'data' ? {} : { chains: after };
        return { chains: after, statistics };
      }
      const after = temperedSteps(path, state.chains!, noise as unknown as TemperedNoise);
      return {
        chains: tf.squeeze(tf.slice(after, [0, 0, 0], [-1, 1, -1]), [1]),
        statistics: { chains: after },
      };
    },
  };
}

/** So many block Gibbs steps of the machine itself, by noise [batch, steps, units] of either side: [batch, V] to [batch, V]. */
function plainSteps(path: AnnealedPath, from: tf.Tensor, noise: NamedTensors): tf.Tensor {
  const stepsFirst = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2]);
  const { carries } = scan({
    carries: { values: from },
    sequences: { hidden: stepsFirst(noise.hidden!), visible: stepsFirst(noise.visible!) },
    body: ({ values }, { hidden, visible }) => ({
      carries: { values: path.step(values!, tf.scalar(1), { hidden: hidden!, visible: visible! }) },
    }),
  });
  return carries.values!;
}
