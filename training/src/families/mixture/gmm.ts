import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { type DataDescription, defineFamily } from '../../model/family.ts';
import type { Model } from '../../model/model.ts';
import { asKind, withKinds } from '../../model/state.ts';
import { oneHot } from '../../nn/one-hot.ts';
import { covarianceOf } from './gmm-covariance.ts';
import { clusterStart } from './k-means.ts';

const options = z.strictObject({
  components: z.number().int().min(1).max(4096).default(10).describe('number of Gaussians'),
  covariance: z
    .enum(['full', 'diagonal', 'spherical', 'tied'])
    .default('diagonal')
    .describe('shape of each covariance; tied is one full matrix for all'),
  regularisation: z
    .number()
    .positive()
    .default(1e-6)
    .describe('added to every variance, in squared units of the data, so that no component collapses'),
});
export type GmmOptions = z.infer<typeof options>;

const logTwoPi = Math.log(2 * Math.PI);
/** Keeps an empty component's division finite, as scikit-learn does with ten machine epsilons. */
const emptyCount = 10 * 2 ** -23;

/**
 * Gaussian mixture, p(x) = sum_k pi_k N(x; mu_k, Sigma_k), fitted by expectation-maximisation:
 *
 *   E: r_nk = pi_k N(x_n; mu_k, Sigma_k) / p(x_n)                              Bishop 2006, eq. 9.23
 *   M: mu_k = sum_n r_nk x_n / N_k, Sigma_k = sum_n r_nk (x_n - mu_k)(x_n - mu_k)^T / N_k   eq. 9.24-9.26
 *
 * A step adds one batch to the sums of the E-step, and the last batch of an epoch makes the M-step, so an epoch
 * is one exact iteration of EM over all the data. Sums are taken of deviations from the current means, which
 * keeps float32 from cancelling.
 */
function build(
  { components, covariance: kind, regularisation }: GmmOptions,
  { spec }: DataDescription,
): Model {
  const shape = [...spec.shape];
  const dimensions = sizeOf(shape);
  const covariance = covarianceOf(kind, components, dimensions, regularisation);
  const flat = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, dimensions]);

  /** [batch, d] to deviations [k, batch, d] and log pi_k N(x; mu_k, Sigma_k) [k, batch]. */
  const joint = (state: NamedTensors, x: tf.Tensor) => {
    const deviation = tf.sub(tf.expandDims(x, 0), tf.expandDims(state.means!, 1));
    const { white, logDeterminant } = covariance.whiten(state, deviation);
    const distance = tf.sum(tf.square(white), 2); // [k, batch]
    const constant = tf.add(tf.reshape(state.logWeights!, [components, 1]), logDeterminant); // [k, 1]
    return { deviation, logJoint: tf.add(constant, tf.mul(-0.5, tf.add(distance, dimensions * logTwoPi))) };
  };

  /** Mean of the chosen component plus coloured noise, in the data's shape. */
  const draw = (state: NamedTensors, choice: tf.Tensor2D, noise: tf.Tensor) => {
    const mean = tf.matMul(choice, state.means as tf.Tensor2D);
    return tf.reshape(tf.add(mean, covariance.colour(state, choice, noise)), [noise.shape[0]!, ...shape]);
  };

  const dataInput: InputSpec = { dtype: 'float32', shape, role: 'data' };
  const noiseInput: InputSpec = {
    dtype: 'float32',
    shape: [dimensions],
    role: 'noise',
    distribution: 'normal',
  };
  const dataOutput = { dtype: 'float32', shape, meaning: 'data' } as const;
  const totals = asKind('slot', {
    'total/count': { shape: [components, 1], initial: 0 },
    'total/shift': { shape: [components, dimensions], initial: 0 },
    'total/scatter': { shape: covariance.scatterShape, initial: 0 },
  });

  return {
    state: withKinds({
      logWeights: { shape: [components], initial: -Math.log(components) },
      means: { shape: [components, dimensions], initial: 0 },
      ...covariance.specs,
      ...totals,
    }),
    initialise: async (state, dataset, seed) => {
      const { weights, means, variances } = await clusterStart(dataset, components, seed);
      const start: Record<string, Float32Array> = {
        logWeights: Float32Array.from(weights, (weight) => Math.log(weight)),
        means: Float32Array.from(means),
        ...covariance.fromVariances(variances),
      };
      const entries = Object.entries(start).map(([name, data]) => [name, { ...state[name]!, data }]);
      return { ...state, ...Object.fromEntries(entries) };
    },
    batching: 'sweep',
    freeParameters: components - 1 + components * dimensions + covariance.freeParameters,
    step: {
      noise: {},
      run: ({ state, data, weight, epochEnd }) => {
        const { deviation, logJoint } = joint(state, flat(data));
        const logProb = tf.logSumExp(logJoint, 0, true); // [1, batch]
        const responsibility = tf.expandDims(tf.mul(tf.exp(tf.sub(logJoint, logProb)), weight), 2); // [k, batch, 1]
        const count = tf.add(state['total/count']!, tf.sum(responsibility, 1));
        const shiftSum = tf.add(state['total/shift']!, tf.sum(tf.mul(deviation, responsibility), 1));
        const scatter = tf.add(state['total/scatter']!, covariance.scatter(deviation, responsibility));

        const safeCount = tf.add(count, emptyCount);
        const shift = tf.div(shiftSum, safeCount); // [k, d]: how far each mean moves
        const fitted: NamedTensors = {
          logWeights: tf.reshape(tf.log(tf.div(safeCount, tf.sum(safeCount))), [components]),
          means: tf.add(state.means!, shift),
          ...covariance.update(safeCount, shift, scatter),
        };
        const zeros = (x: tf.Tensor) => tf.zerosLike(x);
        const choose = (end: tf.Tensor, otherwise: tf.Tensor) =>
          tf.where(tf.broadcastTo(tf.greater(epochEnd, 0), end.shape), end, otherwise);
        const next: NamedTensors = {
          'total/count': choose(zeros(count), count),
          'total/shift': choose(zeros(shiftSum), shiftSum),
          'total/scatter': choose(zeros(scatter), scatter),
        };
        for (const [name, value] of Object.entries(fitted)) next[name] = choose(value, state[name]!);
        const meanLogProb = tf.div(tf.sum(tf.mul(logProb, weight)), tf.sum(weight));
        return { state: next, metrics: { loss: tf.neg(meanLogProb), logProb: meanLogProb } };
      },
    },
    programs: {
      sample: {
        signature: {
          inputs: {
            u: { dtype: 'float32', shape: [1], role: 'noise', distribution: 'uniform' },
            z: noiseInput,
          },
          outputs: { data: dataOutput, component: { dtype: 'int32', shape: [], meaning: 'label' } },
        },
        run: (state, { u, z }) => {
          const upper = tf.cumsum(tf.exp(state.logWeights!)); // [k]
          // Rounding may leave the last bound under 1, so the count of bounds passed is clipped.
          const passed = tf.sum(
            tf.cast(tf.greaterEqual(u!, tf.reshape(upper, [1, components])), 'float32'),
            1,
          );
          const component = tf.cast(tf.minimum(passed, components - 1), 'int32') as tf.Tensor1D;
          return { data: draw(state, oneHot(component, components), z!), component };
        },
      },
      sampleComponent: {
        signature: {
          inputs: { label: { dtype: 'int32', shape: [], role: 'label', classes: components }, z: noiseInput },
          outputs: { data: dataOutput },
        },
        run: (state, { label, z }) => ({
          data: draw(state, oneHot(label!, components), z!),
        }),
      },
      logProb: {
        signature: {
          inputs: { data: dataInput },
          outputs: { logProb: { dtype: 'float32', shape: [], meaning: 'logProb' } },
        },
        run: (state, { data }) => ({ logProb: tf.logSumExp(joint(state, flat(data!)).logJoint, 0) }),
      },
      encode: {
        signature: {
          inputs: { data: dataInput },
          outputs: { responsibility: { dtype: 'float32', shape: [components], meaning: 'latent' } },
        },
        run: (state, { data }) => ({
          responsibility: tf.softmax(tf.transpose(joint(state, flat(data!)).logJoint)),
        }),
      },
    },
  };
}

export const gmm = defineFamily<GmmOptions>({
  name: 'gmm',
  title: 'Gaussian mixture',
  taxonomy: ['explicit density', 'tractable', 'mixture'],
  equation: 'p(x) = Σ_k π_k N(x; μ_k, Σ_k)',
  sources: [
    'Dempster, Laird and Rubin 1977',
    'Bishop 2006, section 9.2',
    'Arthur and Vassilvitskii 2007 (k-means++)',
  ],
  options,
  defaults: { steps: 400, batchSize: 1000, learningRate: 0 },
  refuses: () => null,
  build,
  reproduce: {
    mnist: {
      summary: 'Diagonal mixture of 50 on MNIST',
      data: 'mnist',
      options: { components: 50, covariance: 'diagonal', regularisation: 1e-3 },
      training: { steps: 3000, batchSize: 1000 },
      published: 'none; agrees with scikit-learn from the same start',
    },
  },
});
