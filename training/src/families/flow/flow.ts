import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, type NoiseDistribution, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { gradientModel } from '../../core/gradient-model.ts';
import type { DataDescription, Trainable } from '../../model/family.ts';
import type { ModelProgram, NoiseSpec } from '../../model/model.ts';
import type { HostState } from '../../model/state.ts';
import { standardNormalLogProb, sumExamples } from '../../nn/distributions.ts';
import type { Bijection } from './bijection.ts';
import { preprocessingOf } from './flow-data.ts';
import { type Moments, momentsOf } from './flow-start.ts';

/** The distribution of a flow's code, the same for each dimension and independent of the others. */
interface Prior {
  readonly distribution: NoiseDistribution;
  /** Element by element. Nats. */
  logProb(z: tf.Tensor): tf.Tensor;
  /** Draws from noise of `distribution`. */
  draw(noise: tf.Tensor): tf.Tensor;
}

export const priors = {
  normal: { distribution: 'normal', logProb: standardNormalLogProb, draw: (noise) => noise },
  /** -log(1 + e^z) - log(1 + e^-z) (Dinh et al. 2014, section 3.4); drawn as the logit of uniform noise. */
  logistic: {
    distribution: 'uniform',
    logProb: (z) => tf.neg(tf.add(tf.softplus(z), tf.softplus(tf.neg(z)))),
    draw: (noise) => {
      // Uniform noise comes in steps of 2^-24 from 0: half a step keeps its logarithm finite.
      const u = tf.maximum(noise, 2 ** -25);
      return tf.sub(tf.log(u), tf.log(tf.sub(1, u)));
    },
  },
} as const satisfies Record<string, Prior>;
export type PriorName = keyof typeof priors;

/** Options of every flow. */
export const flowOptions = {
  levels: z
    .number()
    .int()
    .min(2)
    .max(65_536)
    .default(256)
    .describe('levels that image values are dequantised from'),
} as const;

/** What makes a normalising flow, besides the data. */
export interface FlowParts {
  /** Preprocessed examples [batch, ...shape] to codes [batch, dimensions]. */
  readonly bijection: Bijection;
  readonly prior: PriorName;
  /** Levels that image values are dequantised from. */
  readonly levels: number;
  /** Border of the logit that images pass through, or null for none. */
  readonly alpha: number | null;
  /** Values of some parameters at which codes start centred and of unit variance, from moments of the data. */
  start(moments: Moments): Record<string, ArrayLike<number>>;
}

/** Why no flow fits the data, or null. */
export function flowRefuses({ spec }: DataDescription): string | null {
  if (spec.kind === 'audio') return 'models images and points, not audio';
  if (sizeOf(spec.shape) < 2) return 'couplings need examples of at least 2 dimensions, these have 1';
  return null;
}

/**
 * A normalising flow: z = f(x) with a factorial prior on z,
 *
 *   log p(x) = log p(f(x)) + log |det df/dx|                            Dinh et al. 2017, eq. 3
 *
 * trained by maximum likelihood. For points the score is exact (`logProb`). For images it is that of the discrete
 * data, by dequantisation with noise u (see `dequantise`): `logWeight` = log p(k + u) in nats, whose mean over u
 * is a lower bound of log P(k), and bits per dimension are -logWeight / (dimensions * ln 2). `encode` puts an image
 * at the middle of its levels (u = 0.5), and `decode` is the exact inverse of that, continuous in the code. `sample`
 * draws the continuous value that `logWeight` scores; the level nearest to it is a draw from P(k).
 */
export function buildFlow(
  { bijection, prior: priorName, start, ...parts }: FlowParts,
  data: DataDescription,
): Trainable {
  const prior: Prior = priors[priorName];
  const shape = [...data.spec.shape];
  const dimensions = sizeOf(shape);
  const preprocessing = preprocessingOf(data.spec, parts);
  const images = preprocessing.discrete;
  const noise: Record<string, NoiseSpec> = images ? { uniform: { distribution: 'uniform', shape } } : {};

  /** [batch, ...shape], and noise where it is dequantised, to [batch]. Nats. */
  const logProb = (state: NamedTensors, x: tf.Tensor, uniform: tf.Tensor | undefined) => {
    const prepared = preprocessing.forward(x, uniform);
    const { y, logDet } = bijection.forward(state, prepared.y);
    return tf.add(sumExamples(prior.logProb(y)), tf.add(logDet, prepared.logDet)) as tf.Tensor1D;
  };
  const decode = (state: NamedTensors, z: tf.Tensor) => preprocessing.inverse(bijection.inverse(state, z));

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;
  const score: Record<string, ModelProgram> = images
    ? {
        logWeight: {
          signature: {
            inputs: {
              data: dataInput,
              uniform: {
                dtype: 'float32',
                shape,
                role: 'noise',
                distribution: 'uniform',
                belongsTo: 'estimate',
              },
            },
            outputs: { logWeight: { dtype: 'float32', shape: [], meaning: 'logWeight' } },
          },
          run: (state, { data: x, uniform }) => ({ logWeight: logProb(state, x!, uniform) }),
        },
      }
    : {
        logProb: {
          signature: {
            inputs: { data: dataInput },
            outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
          },
          run: (state, { data: x }) => ({ logProb: logProb(state, x!, undefined) }),
        },
      };

  return gradientModel({
    parameters: bijection.specs,
    initialise: async (state, dataset) => withValues(state, start(await momentsOf(dataset, preprocessing))),
    noise,
    loss: (state, { data: x, noise: { uniform } }) => {
      const loss = tf.neg(tf.mean(logProb(state, x, uniform)));
      const bits = { bitsPerDimension: tf.div(loss, dimensions * Math.LN2) };
      return { loss, metrics: images ? bits : { logProb: tf.neg(loss) } };
    },
    programs: {
      sample: {
        signature: {
          inputs: {
            z: { dtype: 'float32', shape: [dimensions], role: 'noise', distribution: prior.distribution },
            temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0 },
          },
          outputs: { data: dataOutput },
        },
        run: (state, { z, temperature }) => ({
          data: decode(state, tf.mul(prior.draw(z!), temperature!)),
        }),
      },
      ...score,
      encode: {
        signature: {
          inputs: { data: dataInput },
          outputs: { latent: { dtype: 'float32', shape: [dimensions], meaning: 'latent' } },
        },
        run: (state, { data: x }) => ({
          latent: bijection.forward(state, preprocessing.forward(x!, undefined).y).y,
        }),
      },
      decode: {
        signature: {
          inputs: { latent: { dtype: 'float32', shape: [dimensions], role: 'latent' } },
          outputs: { data: dataOutput },
        },
        run: (state, { latent }) => ({ data: decode(state, latent!) }),
      },
    },
  });
}

function withValues(state: HostState, values: Record<string, ArrayLike<number>>): HostState {
  const changed = Object.entries(values).map(([name, data]) => {
    const { shape } = state[name]!;
    if (data.length !== sizeOf(shape)) {
      throw new Error(`start of ${name}: expected ${sizeOf(shape)} values, got ${data.length}`);
    }
    return [name, { dtype: 'float32', shape, data: Float32Array.from(data) }] as const;
  });
  return { ...state, ...Object.fromEntries(changed) };
}
