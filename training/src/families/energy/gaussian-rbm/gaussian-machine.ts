import { type NamedTensors, tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import type { Dataset } from '../../../data/dataset.ts';
import { binarise } from '../../../nn/distributions.ts';
import type { AnnealedPath } from '../annealed-path.ts';

/** Names in the state of a machine of V real visible units and H binary hidden ones. */
export const gaussianNames = {
  weights: 'weights', // W [V, H]
  visibleBias: 'visible/bias', // b [V]
  hiddenBias: 'hidden/bias', // c [H]
  logVariance: 'visible/logVariance', // z [V]
  dataMean: 'data/mean', // [V]
  dataDeviation: 'data/deviation', // [V]
} as const;

/** Smallest variance of a unit given the hidden ones, the data's being 1: a unit that is constant has no density else. */
const leastVariance = 0.0025;

/** A machine of units that are standardised by the data's means and deviations. */
export interface GaussianMachine {
  readonly weights: tf.Tensor2D;
  readonly visibleBias: tf.Tensor;
  readonly hiddenBias: tf.Tensor;
  readonly variance: tf.Tensor; // sigma^2 [V]
}

/** The machine that a state holds; a variance of 1 where none is learned. */
export function gaussianOf(state: NamedTensors): GaussianMachine {
  const visibleBias = state[gaussianNames.visibleBias]!;
  const learned = state[gaussianNames.logVariance];
  return {
    weights: state[gaussianNames.weights] as tf.Tensor2D,
    ...{ visibleBias, hiddenBias: state[gaussianNames.hiddenBias]! },
    variance: learned === undefined ? tf.onesLike(visibleBias) : tf.maximum(tf.exp(learned), leastVariance),
  };
}

/** Standardised units [batch, V] of examples [batch, ...shape]. */
export function standardised(state: NamedTensors, examples: tf.Tensor): tf.Tensor {
  const flat = tf.reshape(examples, [examples.shape[0]!, -1]);
  return tf.div(tf.sub(flat, state[gaussianNames.dataMean]!), state[gaussianNames.dataDeviation]!);
}

/** Values in the data's own units, [batch, V], of standardised ones. */
export function inDataUnits(state: NamedTensors, x: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(x, state[gaussianNames.dataDeviation]!), state[gaussianNames.dataMean]!);
}

/** Inputs of the hidden units, c + (x / sigma^2) W: [batch, V] to [batch, H]. */
export function gaussianHiddenInputs(machine: GaussianMachine, x: tf.Tensor): tf.Tensor {
  const scaled = tf.div(x, machine.variance) as tf.Tensor2D;
  return tf.add(tf.matMul(scaled, machine.weights), machine.hiddenBias);
}

/** E[x | h] = b + W h: [batch, H] to [batch, V]. */
export function gaussianVisibleMean(machine: GaussianMachine, h: tf.Tensor): tf.Tensor {
  return tf.add(tf.matMul(h as tf.Tensor2D, machine.weights, false, true), machine.visibleBias);
}

/** sum_i (x_i - b_i)^2 / (2 sigma_i^2): [batch, V] to [batch, 1]. */
function distance({ visibleBias, variance }: GaussianMachine, x: tf.Tensor): tf.Tensor {
  return tf.mul(0.5, tf.sum(tf.div(tf.square(tf.sub(x, visibleBias)), variance), 1, true));
}

/**
 * Free energy of standardised units, nats: F(x) = sum_i (x_i - b_i)^2 / (2 sigma_i^2) - sum_j softplus(c_j + (x / sigma^2) W_j),
 * so that their density is exp(-F(x)) / Z. [batch, V] to [batch].
 */
export function gaussianFreeEnergy(machine: GaussianMachine, x: tf.Tensor): tf.Tensor1D {
  const hidden = tf.sum(tf.softplus(gaussianHiddenInputs(machine, x)), 1, true);
  return tf.squeeze(tf.sub(distance(machine, x), hidden), [1]);
}

/**
 * The way to a machine of real units from independent standard normal ones (after Cho, Ilin and Raiko 2011, section 3.3):
 *
 *   f_b(x) = exp(-(1 - b) x^2 / 2 - b (x - bias)^2 / (2 sigma^2)) prod_j (1 + exp(b (c_j + (x / sigma^2) W_j)))
 *   Z_0 = 2^H (2 pi)^(V / 2)
 *
 * Given h units are normal, of the precision (1 - b) + b / sigma^2.
 */
export function gaussianPath(machine: GaussianMachine): AnnealedPath {
  const { visibleBias, hiddenBias, variance } = machine;
  const [visible, hidden] = [visibleBias.shape[0]!, hiddenBias.shape[0]!];
  return {
    baseLogPartition: tf.scalar(hidden * Math.LN2 + (visible / 2) * Math.log(2 * Math.PI)),
    start: (noise) => noise,
    step: (x, at, noise) => {
      const h = binarise(tf.sigmoid(tf.mul(at, gaussianHiddenInputs(machine, x))), noise.hidden);
      const precision = tf.add(tf.sub(1, at), tf.div(at, variance)); // [V] or [batch, V]
      const mean = tf.div(tf.div(tf.mul(at, gaussianVisibleMean(machine, h)), variance), precision);
      return tf.add(mean, tf.div(noise.visible, tf.sqrt(precision)));
    },
    logRatio: (x, before, after) => {
      const inputs = gaussianHiddenInputs(machine, x);
      const rise = tf.sub(tf.softplus(tf.mul(after, inputs)), tf.softplus(tf.mul(before, inputs)));
      const base = tf.mul(0.5, tf.sum(tf.square(x), 1, true));
      const moved = tf.mul(tf.sub(after, before), tf.sub(base, distance(machine, x)));
      return tf.add(tf.sum(rise, 1, true), moved);
    },
  };
}

/** Examples that means and deviations are taken over, spread over the data set. */
const largestSample = 10_000;
/** Smallest deviation of a unit, as a share of the root mean square of all: units that are constant have one. */
const leastShare = 0.1;

/** Means and standard deviations of the data's units, [V] each. */
export async function momentsOf(
  dataset: Dataset,
): Promise<{ readonly mean: Float32Array; readonly deviation: Float32Array }> {
  const units = sizeOf(dataset.spec.shape);
  const count = Math.min(dataset.size, largestSample);
  const { data } = await dataset.gather(
    Array.from({ length: count }, (_, i) => Math.floor((i * dataset.size) / count)),
  );
  const [sums, squares] = [new Float64Array(units), new Float64Array(units)];
  for (let i = 0; i < data.length; i++) sums[i % units]! += data[i]! / count;
  for (let i = 0; i < data.length; i++) squares[i % units]! += (data[i]! - sums[i % units]!) ** 2 / count;
  const overall = squares.reduce((sum, x) => sum + x / units, 0);
  const least = overall > 0 ? leastShare * Math.sqrt(overall) : 1;
  return {
    mean: Float32Array.from(sums),
    deviation: Float32Array.from(squares, (x) => Math.max(least, Math.sqrt(x))),
  };
}
