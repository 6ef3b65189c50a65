import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import { choleskyFactor, invertLower } from './cholesky.ts';

export type CovarianceKind = 'full' | 'diagonal' | 'spherical' | 'tied';

/**
 * How a mixture stores and updates its covariances. `deviation` is x - mean for every example and component,
 * [k, batch, d]; `scatter` is what the E-step accumulates to find the covariance.
 */
export interface Covariance {
  readonly specs: StateSpecs;
  /** Shape of the scatter accumulator. */
  readonly scatterShape: readonly number[];
  /** Number of free parameters in the covariances. */
  readonly freeParameters: number;
  /** Whitened deviations [k, batch, d] and log |inverse factor| [k, 1], whose squares and sum give the density. */
  whiten(state: NamedTensors, deviation: tf.Tensor): { white: tf.Tensor; logDeterminant: tf.Tensor };
  /** Scatter of a batch: deviations weighted by responsibility [k, batch, 1]. */
  scatter(deviation: tf.Tensor, responsibility: tf.Tensor): tf.Tensor;
  /** New covariance state from the totals: counts [k, 1], shift of the means [k, d], scatter. */
  update(count: tf.Tensor, shift: tf.Tensor, scatter: tf.Tensor): NamedTensors;
  /** Noise [batch, d] shaped by the covariance of the component chosen by one-hot rows [batch, k]. */
  colour(state: NamedTensors, choice: tf.Tensor2D, noise: tf.Tensor): tf.Tensor;
  /** The state of components whose variances are given, [k * d] row by row. */
  fromVariances(variances: Float64Array): Record<string, Float32Array>;
}

/** @param floor added to every variance (`reg_covar` of scikit-learn), so that a collapsed component stays finite. */
export function covarianceOf(
  kind: CovarianceKind,
  components: number,
  dimensions: number,
  floor: number,
): Covariance {
  return kind === 'full' || kind === 'tied'
    ? matrixCovariance(kind === 'tied', components, dimensions, floor)
    : axisCovariance(kind === 'spherical', components, dimensions, floor);
}

/** Diagonal and spherical: one standard deviation per component and axis (equal along the axes if spherical). */
function axisCovariance(
  spherical: boolean,
  components: number,
  dimensions: number,
  floor: number,
): Covariance {
  const std = (variance: tf.Tensor) => ({ std: tf.sqrt(variance) });
  return {
    specs: { std: { shape: [components, dimensions], initial: 1 } },
    scatterShape: [components, dimensions],
    freeParameters: components * (spherical ? 1 : dimensions),
    whiten: (state, deviation) => ({
      white: tf.div(deviation, tf.expandDims(state.std!, 1)),
      logDeterminant: tf.neg(tf.sum(tf.log(state.std!), 1, true)),
    }),
    scatter: (deviation, responsibility) => tf.sum(tf.mul(tf.square(deviation), responsibility), 1),
    update: (count, shift, scatter) => {
      const variance = tf.add(tf.relu(tf.sub(tf.div(scatter, count), tf.square(shift))), floor); // [k, d]
      return std(spherical ? tf.add(tf.zerosLike(variance), tf.mean(variance, 1, true)) : variance);
    },
    colour: (state, choice, noise) => tf.mul(noise, tf.matMul(choice, state.std as tf.Tensor2D)),
    fromVariances: (variances) => {
      const perAxis = spherical ? averageRows(variances, components, dimensions) : variances;
      return { std: Float32Array.from(perAxis, (variance) => Math.sqrt(variance + floor)) };
    },
  };
}

/** Full and tied: a lower Cholesky factor and its inverse per component, or one for all. */
function matrixCovariance(tied: boolean, components: number, dimensions: number, floor: number): Covariance {
  const count = tied ? 1 : components;
  const shape = [count, dimensions, dimensions];
  const ridge = () => tf.mul(tf.eye(dimensions), floor);
  return {
    specs: { factor: { shape, initial: 0 }, inverseFactor: { shape, initial: 0 } },
    scatterShape: [components, dimensions, dimensions],
    freeParameters: (count * dimensions * (dimensions + 1)) / 2,
    whiten: (state, deviation) => {
      const inverse = tf.add(state.inverseFactor!, tf.zeros([components, 1, 1])) as tf.Tensor3D;
      const diagonal = tf.sum(tf.mul(inverse, tf.eye(dimensions)), 2); // [k, d]
      return {
        white: tf.matMul(deviation as tf.Tensor3D, inverse, false, true), // [k, batch, d]
        logDeterminant: tf.sum(tf.log(diagonal), 1, true),
      };
    },
    scatter: (deviation, responsibility) =>
      tf.matMul(tf.mul(deviation, responsibility) as tf.Tensor3D, deviation as tf.Tensor3D, true, false),
    update: (counts, shift, scatter) => {
      const product = tf.mul(tf.expandDims(shift, 2), tf.expandDims(shift, 1)); // [k, d, d]
      const perCount = tf.expandDims(counts, 2); // [k, 1, 1]
      const covariance = tied
        ? tf.div(tf.sum(tf.sub(scatter, tf.mul(product, perCount)), 0, true), tf.sum(counts))
        : tf.sub(tf.div(scatter, perCount), product);
      const factor = choleskyFactor(tf.add(covariance, ridge()) as tf.Tensor3D, floor);
      return { factor, inverseFactor: invertLower(factor) };
    },
    colour: (state, choice, noise) => {
      const factors = tf.add(state.factor!, tf.zeros([components, 1, 1])); // [k, d, d]
      const chosen = tf.matMul(
        choice,
        tf.reshape(factors, [components, dimensions * dimensions]) as tf.Tensor2D,
      );
      const matrices = tf.reshape(chosen, [-1, dimensions, dimensions]); // [batch, d, d]
      return tf.sum(tf.mul(matrices, tf.expandDims(noise, 1)), 2);
    },
    fromVariances: (variances) => {
      const rows = tied ? averageColumns(variances, components, dimensions) : variances;
      const factor = new Float32Array(count * dimensions * dimensions);
      const inverseFactor = new Float32Array(factor.length);
      for (let i = 0; i < count * dimensions; i++) {
        const diagonal =
          Math.floor(i / dimensions) * dimensions * dimensions + (i % dimensions) * (dimensions + 1);
        factor[diagonal] = Math.sqrt(rows[i]! + floor);
        inverseFactor[diagonal] = 1 / factor[diagonal]!;
      }
      return { factor, inverseFactor };
    },
  };
}

/** Replaces each entry by the mean of its row of `dimensions`. */
function averageRows(values: Float64Array, rows: number, dimensions: number): Float64Array {
  const result = new Float64Array(values.length);
  for (let row = 0; row < rows; row++) {
    const part = values.subarray(row * dimensions, (row + 1) * dimensions);
    result.fill(part.reduce((a, b) => a + b, 0) / dimensions, row * dimensions, (row + 1) * dimensions);
  }
  return result;
}

/** The mean over the rows: [rows * dimensions] to [dimensions]. */
function averageColumns(values: Float64Array, rows: number, dimensions: number): Float64Array {
  return Float64Array.from({ length: dimensions }, (_, axis) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += values[row * dimensions + axis]!;
    return sum / rows;
  });
}
