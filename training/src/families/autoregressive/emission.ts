import { type NamedTensors, tf } from '@generatrix/export';
import type { NoiseSpec } from '../../model/model.ts';
import { bernoulliLogProb, normalLogProb } from '../../nn/distributions.ts';
import {
  bernoulliBounds,
  bernoulliDraw,
  categoricalBounds,
  categoricalDraw,
  type ForcedDraw,
} from '../../nn/inversion.ts';

/** The distribution of one dimension given the numbers that a network puts out for it. */
export interface Emission {
  /** Numbers for each dimension: C. */
  readonly width: number;
  /** Noise that a draw takes for each dimension, by name. */
  readonly noise: Readonly<Record<string, NoiseSpec['distribution']>>;
  /** log p(x | parameters), element by element: [batch, D] and [batch, D, C] to [batch, D]. Nats. */
  logProb(x: tf.Tensor, parameters: tf.Tensor): tf.Tensor;
  /**
   * A value drawn for one dimension: parameters [batch, C] and noise [batch] each to [batch]. The temperature divides
   * logits and multiplies standard deviations.
   */
  draw(parameters: tf.Tensor, noise: NamedTensors, temperature: tf.Tensor): tf.Tensor;
  /** As `draw`, with the bounds of the uniform noise: [batch] each. */
  forced(parameters: tf.Tensor, noise: NamedTensors, temperature: tf.Tensor): ForcedDraw;
}

/** Values 0 or 1, 1 with the probability whose logit is the one parameter. */
export const bernoulliEmission: Emission = {
  width: 1,
  noise: { uniform: 'uniform' },
  logProb: (x, logits) => bernoulliLogProb(x, tf.reshape(logits, x.shape)),
  draw: (logits, { uniform }, temperature) => bernoulliDraw(tf.reshape(logits, [-1]), uniform!, temperature),
  forced: (parameters, { uniform }, temperature) => {
    const logits = tf.reshape(parameters, [-1]);
    const value = bernoulliDraw(logits, uniform!, temperature);
    return { value, bounds: { uniform: bernoulliBounds(logits, value, temperature) } };
  },
};

/**
 * Real values under a mixture of Gaussians (RNADE: Uria, Murray and Larochelle 2013, eq. 6 and 7); the parameters are
 * the components' logits, means and log standard deviations.
 */
export function mixtureEmission(components: number): Emission {
  const split = (parameters: tf.Tensor) => tf.split(parameters, 3, parameters.rank - 1) as tf.Tensor[];
  const draw: Emission['draw'] = (parameters, { uniform, normal }, temperature) => {
    const [logits, means, logStds] = split(parameters) as [tf.Tensor, tf.Tensor, tf.Tensor]; // [batch, K] each
    const index = tf.expandDims(categoricalDraw(logits, uniform!, temperature), 1); // [batch, 1]
    const numbers = tf.tensor2d(
      Float32Array.from({ length: components }, (_, i) => i),
      [1, components],
    );
    const chosen = tf.cast(tf.equal(index, numbers), 'float32'); // [batch, K]
    const std = tf.mul(temperature, tf.exp(tf.sum(tf.mul(chosen, logStds), 1)));
    return tf.add(tf.sum(tf.mul(chosen, means), 1), tf.mul(std, normal!));
  };
  return {
    width: 3 * components,
    noise: { uniform: 'uniform', normal: 'normal' },
    logProb: (x, parameters) => {
      const [logits, means, logStds] = split(parameters) as [tf.Tensor, tf.Tensor, tf.Tensor]; // [batch, D, K] each
      const last = logits.rank - 1;
      const logWeights = tf.sub(logits, tf.logSumExp(logits, last, true));
      const each = normalLogProb(tf.expandDims(x, last), means, logStds);
      return tf.logSumExp(tf.add(logWeights, each), last);
    },
    draw,
    forced: (parameters, noise, temperature) => {
      const [logits] = split(parameters) as [tf.Tensor];
      const index = categoricalDraw(logits, noise.uniform!, temperature);
      const value = draw(parameters, noise, temperature);
      return { value, bounds: { uniform: categoricalBounds(logits, index, temperature) } };
    },
  };
}
/** The nearest of the grey levels k / (levels - 1), for values in [0, 1]. */
export function nearestLevel(x: tf.Tensor, levels: number): tf.Tensor {
  return tf.div(tf.floor(tf.add(tf.mul(x, levels - 1), 0.5)), levels - 1);
}

/**
 * One of several grey levels k / (levels - 1), k = 0, 1, ..., with the probabilities whose logits are the parameters;
 * a value in between counts as the nearest level.
 */
export function categoricalEmission(levels: number): Emission {
  const numbers = () => tf.tensor1d(Float32Array.from({ length: levels }, (_, k) => k));
  return {
    width: levels,
    noise: { uniform: 'uniform' },
    logProb: (x, logits) => {
      const last = logits.rank - 1;
      const level = tf.floor(tf.add(tf.mul(x, levels - 1), 0.5));
      const chosen = tf.cast(tf.equal(tf.expandDims(level, last), numbers()), 'float32');
      return tf.sub(tf.sum(tf.mul(chosen, logits), last), tf.logSumExp(logits, last));
    },
    draw: (logits, { uniform }, temperature) =>
      tf.div(categoricalDraw(logits, uniform!, temperature), levels - 1),
    forced: (logits, { uniform }, temperature) => {
      const index = categoricalDraw(logits, uniform!, temperature);
      return {
        value: tf.div(index, levels - 1),
        bounds: { uniform: categoricalBounds(logits, index, temperature) },
      };
    },
  };
}
