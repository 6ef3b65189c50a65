import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../../model/state.ts';
import { activations } from '../../../nn/activations.ts';
import { dense } from '../../../nn/dense.ts';
import { inference, sequential } from '../../../nn/module.ts';
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
 * The layers that training and drawing share. A layer's gates take [input d steps ago, input now] to [filter, gate].
 * The last layer has no residual output, which nothing would use. The head is what follows the layers (figure 4): the
 * sum of their skip connections, 1x1 convolutions each, is one product with the layers side by side; [n, layers *
 * filters] to parameters [n, C].
 */
export function wavenetLayers({ output, dilations, filters, skipFilters }: WavenetNetwork) {
  const { relu } = activations;
  return {
    gates: dilations.map((_, layer) => dense(`layer${layer}`, 2 * filters, 2 * filters)),
    residuals: dilations.slice(1).map((_, layer) => dense(`layer${layer}/residual`, filters, filters)),
    head: sequential([
      dense('skip', dilations.length * filters, skipFilters),
      relu,
      dense('output/0', skipFilters, skipFilters),
      relu,
      dense('output/1', skipFilters, output.width),
    ]),
  };
}

/**
 * Parameters. `front` is a convolution of width 2 over samples as they go in (`WavenetOutput.inputs`): row i holds what
 * input i adds two steps later and what it adds one step later.
 */
export function wavenetSpecs(network: WavenetNetwork): StateSpecs {
  const { output, filters, classes } = network;
  const { gates, residuals, head } = wavenetLayers(network);
  const layers = gates.map(({ specs }, layer) => ({
    ...specs,
    ...(classes > 0
      ? { [`layer${layer}/label`]: { shape: [classes, 2 * filters], initial: normal(0.1) } }
      : {}),
    ...residuals[layer]?.specs,
  }));
  return Object.assign(
    { 'front/kernel': { shape: [output.inputs, 2 * filters], initial: normal(Math.SQRT1_2) } },
    ...layers,
    head.specs,
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
  const { gates, residuals, head } = wavenetLayers(network);
  const [time, batch] = index.shape;
  const unfold = (x: tf.Tensor) => tf.reshape(x, [time, batch, -1]) as tf.Tensor3D;
  const flat = (x: tf.Tensor) => tf.reshape(x, [time * batch, -1]) as tf.Tensor2D;
  const entered = output.enter(tf.reshape(index, [-1]), state['front/kernel']!);
  const [late, soon] = tf.split(entered, 2, 1) as [tf.Tensor, tf.Tensor];
  let h = flat(tf.add(later(unfold(late), 2), later(unfold(soon), 1))); // [time * batch, filters]
  const gated: tf.Tensor[] = [];
  for (const [layer, dilation] of dilations.entries()) {
    const past = flat(later(unfold(h), dilation));
    let both: tf.Tensor = gates[layer]!.apply(state, tf.concat([past, h], 1), inference); // [time * batch, 2 filters]
    if (label !== undefined) {
      both = flat(tf.add(unfold(both), tf.gather(state[`layer${layer}/label`]!, label)));
    }
    const z = gate(both);
    gated.push(z);
    const residual = residuals[layer];
    if (residual !== undefined) h = tf.add(h, residual.apply(state, z, inference));
  }
  return head.apply(state, tf.concat(gated, 1), inference) as tf.Tensor2D;
}

/** tanh(filter) * sigmoid(gate) (eq. 2): [n, 2 filters] to [n, filters]. */
export function gate(both: tf.Tensor): tf.Tensor {
  const [filter, opening] = tf.split(both, 2, 1) as [tf.Tensor, tf.Tensor];
  return tf.mul(tf.tanh(filter), tf.sigmoid(opening));
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
