import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../../model/state.ts';
import { dense, denseSpecs } from '../../../nn/dense.ts';
import type { WavenetOutput } from './wavenet-output.ts';

/** Sizes of a WaveNet. */
export interface WavenetNetwork {
  readonly output: WavenetOutput;
  /** Dilation of each residual layer, first to last. */
  readonly dilations: readonly number[];
  readonly filters: number;
  readonly skipFilters: number;
  /** Classes that condition it; 0 for none. */
  readonly classes: number;
}

/** Dilations 1, 2, 4, ... of `layers` layers, repeated for each stack (van den Oord et al. 2016, section 2.1). */
export function dilationsOf(layers: number, stacks: number): number[] {
  return Array.from({ length: layers * stacks }, (_, i) => 2 ** (i % layers));
}

/** How many samples before it a conditional depends on: two by the first convolution, each layer adds its dilation. */
export function receptiveField(dilations: readonly number[]): number {
  return dilations.reduce((sum, dilation) => sum + dilation, 2);
}

/**
 * Parameters. `front` is a convolution of width 2 over samples as they go in (`WavenetOutput.inputs`): row i holds what
 * input i adds two steps later and what it adds one step later. A layer's kernel takes [input d steps ago, input now] to [filter, gate]. The last
 * layer has no residual output, which nothing would use.
 */
export function wavenetSpecs(network: WavenetNetwork): StateSpecs {
  const { output, dilations, filters, skipFilters, classes } = network;
  const layers = dilations.map((_, layer) => ({
    ...denseSpecs(`layer${layer}`, 2 * filters, 2 * filters),
    ...(classes > 0
      ? { [`layer${layer}/label`]: { shape: [classes, 2 * filters], initial: normal(0.1) } }
      : {}),
    ...(layer + 1 < dilations.length ? denseSpecs(`layer${layer}/residual`, filters, filters) : {}),
  }));
  return Object.assign(
    { 'front/kernel': { shape: [output.inputs, 2 * filters], initial: normal(Math.SQRT1_2) } },
    ...layers,
    denseSpecs('skip', dilations.length * filters, skipFilters),
    denseSpecs('output/0', skipFilters, skipFilters),
    denseSpecs('output/1', skipFilters, output.width),
  ) as StateSpecs;
}

/**
 * The parameters of every sample's distribution given the samples before it, all at once: levels [time, batch] (and
 * classes [batch]) to [time * batch, C].
 */
export function wavenetForward(
  network: WavenetNetwork,
  state: NamedTensors,
  index: tf.Tensor2D,
  label: tf.Tensor1D | undefined,
): tf.Tensor2D {
  const { dilations, output } = network;
  const [time, batch] = index.shape;
  const unfold = (x: tf.Tensor) => tf.reshape(x, [time, batch, -1]) as tf.Tensor3D;
  const flat = (x: tf.Tensor) => tf.reshape(x, [time * batch, -1]) as tf.Tensor2D;
  const entered = output.enter(tf.reshape(index, [-1]), state['front/kernel']!);
  const [late, soon] = tf.split(entered, 2, 1) as [tf.Tensor, tf.Tensor];
  let h = flat(tf.add(later(unfold(late), 2), later(unfold(soon), 1))); // [time * batch, filters]
  const gated: tf.Tensor[] = [];
  for (const [layer, dilation] of dilations.entries()) {
    const past = flat(later(unfold(h), dilation));
    let both: tf.Tensor = dense(state, `layer${layer}`, tf.concat([past, h], 1)); // [time * batch, 2 filters]
    if (label !== undefined) {
      both = flat(tf.add(unfold(both), tf.gather(state[`layer${layer}/label`]!, label)));
    }
    const z = gate(both);
    gated.push(z);
    if (layer + 1 < dilations.length) h = tf.add(h, dense(state, `layer${layer}/residual`, z));
  }
  return wavenetOutput(state, gated);
}

/** tanh(filter) * sigmoid(gate) (eq. 2): [n, 2 filters] to [n, filters]. */
export function gate(both: tf.Tensor): tf.Tensor {
  const [filter, opening] = tf.split(both, 2, 1) as [tf.Tensor, tf.Tensor];
  return tf.mul(tf.tanh(filter), tf.sigmoid(opening));
}

/**
 * What follows the layers (figure 4): the sum of their skip connections, 1x1 convolutions each, is one product with
 * the layers side by side. A list of [n, filters] to parameters [n, C].
 */
export function wavenetOutput(state: NamedTensors, gated: readonly tf.Tensor[]): tf.Tensor2D {
  const skip = tf.relu(dense(state, 'skip', tf.concat([...gated], 1)));
  return dense(state, 'output/1', tf.relu(dense(state, 'output/0', skip)));
}

/** Moves a sequence [time, batch, width] to later times, zeros in front: element t becomes that of t - steps. */
function later(x: tf.Tensor3D, steps: number): tf.Tensor {
  const [time] = x.shape;
  if (steps >= time) return tf.zerosLike(x);
  return tf.pad(tf.slice(x, [0, 0, 0], [time - steps, -1, -1]), [
    [steps, 0],
    [0, 0],
    [0, 0],
  ]);
}

function normal(scale: number) {
  return { distribution: 'normal', scale } as const;
}
