import { type NamedTensors, tf } from '@generatrix/export';
import { sizeOf } from '@generatrix/runtime/core';
import type { NoiseSpec } from '../../model/model.ts';
import type { StateSpecs } from '../../model/state.ts';
import { bernoulliLogProb, binarise, normalLogProb } from '../../nn/distributions.ts';

/** The distribution p(x|z) of examples given what the decoder makes of a code. Tensors are [rows, dimensions]. */
export interface Likelihood {
  /** What it learns besides the decoder. */
  readonly specs: StateSpecs;
  /** Noise that examples are binarised by; none where they stay as they are. */
  readonly binarisation: Readonly<Record<string, NoiseSpec>>;
  /** Noise that a draw takes. */
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** log p(x|z) of each value, nats. @param told what the model is told besides, [rows, width] */
  logProbs(state: NamedTensors, x: tf.Tensor, output: tf.Tensor, told?: tf.Tensor): tf.Tensor;
  mean(output: tf.Tensor, told?: tf.Tensor): tf.Tensor;
  draw(state: NamedTensors, output: tf.Tensor, noise: NamedTensors, told?: tf.Tensor): tf.Tensor;
}

/** Of binary values: the decoder gives logits. */
export function bernoulliLikelihood(shape: readonly number[]): Likelihood {
  const uniform: NoiseSpec = { distribution: 'uniform', shape };
  return {
    specs: {},
    binarisation: { uniform },
    noise: { observation: uniform },
    logProbs: (_, x, output) => bernoulliLogProb(x, output),
    mean: (output) => tf.sigmoid(output),
    draw: (_, output, { observation }) =>
      binarise(tf.sigmoid(output), tf.reshape(observation!, output.shape)),
  };
}

/** The decoder gives means. @param std fixed deviation; learned for each value when absent */
export function gaussianLikelihood(shape: readonly number[], std: number | undefined): Likelihood {
  const name = 'decoder/logStd';
  const logStdOf = (state: NamedTensors): tf.Tensor =>
    std === undefined ? state[name]! : tf.scalar(Math.log(std));
  return {
    specs: std === undefined ? { [name]: { shape: [sizeOf(shape)], initial: -1 } } : {},
    binarisation: {},
    noise: { observation: { distribution: 'normal', shape } },
    logProbs: (state, x, output) => normalLogProb(x, output, logStdOf(state)),
    mean: (output) => output,
    draw: (state, output, { observation }) =>
      tf.add(output, tf.mul(tf.exp(logStdOf(state)), tf.reshape(observation!, output.shape))),
  };
}
