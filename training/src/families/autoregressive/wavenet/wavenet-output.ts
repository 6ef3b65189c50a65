import { type NamedTensors, tf } from '@generatrix/export';
import { categoricalLogProb } from '../../../nn/categorical.ts';
import { categoricalBounds, categoricalDraw, type ForcedDraw, mapBounds } from '../../../nn/inversion.ts';
import {
  levelIndex,
  levelValue,
  logisticMixtureDraw,
  logisticMixtureForced,
  logisticMixtureLogProb,
  logisticMixtureWidth,
} from '../../../nn/logistic-mixture.ts';
import { muLawIndex, muLawValue } from '../../../nn/mu-law.ts';

/** How a WaveNet numbers the levels of a sample, sees samples, and gives the distribution of the next. */
export interface WavenetOutput {
  /** Numbers that the network puts out for each sample: C. */
  readonly width: number;
  /** Numbers that a sample goes in as: rows of the first kernel. */
  readonly inputs: number;
  /** Uniform noise that a draw takes for each sample. */
  readonly noise: readonly string[];
  /** The level of a sample in [-1, 1], whole numbers from 0; element by element. */
  index(x: tf.Tensor): tf.Tensor;
  /** The sample that stands for a level; element by element. */
  value(index: tf.Tensor): tf.Tensor;
  /** What samples bring to the first layer: levels [n] times the kernel [inputs, m] to [n, m]. */
  enter(index: tf.Tensor, kernel: tf.Tensor): tf.Tensor;
  /** Log-probability of levels [n] given the network's numbers [n, C]: [n], nats. */
  logProb(parameters: tf.Tensor2D, index: tf.Tensor): tf.Tensor;
  /** Levels drawn, given numbers [n, C] and noise [n] each: [n]. */
  draw(parameters: tf.Tensor2D, noise: NamedTensors, temperature: tf.Tensor): tf.Tensor;
  /** As `draw`, with the bounds of the noise: [n] each. */
  forced(parameters: tf.Tensor2D, noise: NamedTensors, temperature: tf.Tensor): ForcedDraw;
}

/** Bins of the mu-law, which go in one-hot and come out of a softmax (van den Oord et al. 2016, section 2.2). */
export function muLawOutput(levels: number): WavenetOutput {
  return {
    width: levels,
    inputs: levels,
    noise: ['uniform'],
    index: (x) => muLawIndex(x, levels),
    value: (index) => muLawValue(index, levels),
    enter: (index, kernel) => tf.gather(kernel, tf.cast(index, 'int32') as tf.Tensor1D),
    logProb: categoricalLogProb,
    draw: (logits, { uniform }, temperature) => categoricalDraw(logits, uniform!, temperature),
    forced: (logits, { uniform }, temperature) => {
      const value = categoricalDraw(logits, uniform!, temperature);
      return { value, bounds: { uniform: categoricalBounds(logits, value, temperature) } };
    },
  };
}

/**
 * Evenly spaced levels, which go in as values and come out of a mixture of discretised logistics (Salimans et al.
 * 2017, eq. 2; on sound of 16 bits in Parallel WaveNet: van den Oord et al. 2018, arXiv:1711.10433, section 2.1).
 */
export function logisticOutput(levels: number, components: number): WavenetOutput {
  const mixture = { levels, components, channels: 1 };
  return {
    width: logisticMixtureWidth(mixture),
    inputs: 1,
    noise: ['uniform', 'component'],
    index: (x) => levelIndex(x, levels),
    value: (index) => levelValue(index, levels),
    enter: (index, kernel) => tf.mul(tf.expandDims(levelValue(index, levels), 1), kernel),
    logProb: (parameters, index) =>
      logisticMixtureLogProb(mixture, tf.expandDims(levelValue(index, levels), 1), parameters),
    draw: (parameters, { uniform, component }, temperature) => {
      const noise = { uniform: tf.expandDims(uniform!, 1), component: component! };
      return tf.reshape(logisticMixtureDraw(mixture, parameters, noise, temperature), [-1]);
    },
    forced: (parameters, { uniform, component }, temperature) => {
      const noise = { uniform: tf.expandDims(uniform!, 1), component: component! };
      // With one channel there is none to go on from.
      const none = tf.zerosLike(noise.uniform);
      const drawn = logisticMixtureForced(mixture, parameters, noise, temperature, none);
      const flat = (x: tf.Tensor) => tf.reshape(x, [-1]);
      return { value: flat(drawn.value), bounds: mapBounds(drawn.bounds, flat) };
    },
  };
}
