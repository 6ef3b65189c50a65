import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpec, StateSpecs } from '../../../model/state.ts';
import { convolution } from '../../../nn/convolution.ts';
import { dense } from '../../../nn/dense.ts';
import { inference, type Module, sequential } from '../../../nn/module.ts';
import { oneHot } from '../../../nn/one-hot.ts';
import { pixelHead, pixelStart } from '../pixel-head.ts';
import type { PixelSizes } from '../pixel-model.ts';
import { biasesOfRow, positionSpec } from '../pixel-positions.ts';

/** A gated PixelCNN with its sizes settled. */
export interface PixelcnnNetwork extends PixelSizes {
  readonly layers: number;
  readonly filters: number;
  /** Width of the first layer's window, odd; it leaves out the pixel itself. */
  readonly firstKernel: number;
  /** Width of the windows of the other layers, odd. */
  readonly kernel: number;
  readonly headFilters: number;
  /** What the first layer is given in the place of values in [0, 1]; those from -1 to 1 when absent. */
  readonly inputs?: PixelInputs;
}

/** Features of single values: [..., channels] to [..., width]. */
export interface PixelInputs {
  readonly width: number;
  of(x: tf.Tensor): tf.Tensor;
}

/** Those of a network. */
export function inputsOf({ inputs, distribution }: PixelcnnNetwork): PixelInputs {
  return inputs ?? { width: distribution.channels, of: centred };
}

/** How far a layer's window reaches up, left and right. */
export function reachOf({ firstKernel, kernel }: PixelcnnNetwork, layer: number): number {
  return ((layer === 0 ? firstKernel : kernel) - 1) / 2;
}

/** Names of a layer's parameters; every kernel ends in [inputs, outputs]. */
export function layerNames(layer: number) {
  const name = (part: string) => `layer${layer}/${part}`;
  return {
    vertical: name('vertical/kernel'),
    verticalBias: name('vertical/bias'),
    verticalLabel: name('vertical/label'),
    horizontal: name('horizontal/kernel'),
    horizontalBias: name('horizontal/bias'),
    horizontalLabel: name('horizontal/label'),
    across: name('across/kernel'),
  };
}

/** Names of the learned biases of the positions in the two stacks, [h, w, 2F] each. */
const positionNames = { vertical: 'position/vertical', horizontal: 'position/horizontal' } as const;

/**
 * The parameters. Kernels start normal with variance 1 / (number of inputs), which keeps the variance of sums; the
 * first layer's windows hold pixels above or to the left, the others the row or pixel itself too.
 */
export function pixelcnnSpecs(network: PixelcnnNetwork): StateSpecs {
  const { layers, filters, classes } = network;
  const specs: StateSpecs = {};
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string) => `layer${layer}/${part}`;
    const reach = reachOf(network, layer);
    const [taps, inputs] = layer === 0 ? [reach, inputsOf(network).width] : [reach + 1, filters];
    const channels = [inputs, 2 * filters] as const;
    Object.assign(
      specs,
      convolution(name('vertical'), channels, [taps, 2 * reach + 1], pixelStart).specs,
      convolution(name('horizontal'), channels, [1, taps], pixelStart).specs,
      dense(name('across'), 2 * filters, 2 * filters, { ...pixelStart, bias: false }).specs,
      layerOutput(network, layer).specs,
    );
    if (classes === 0) continue;
    const label: StateSpec = {
      shape: [classes, 2 * filters],
      initial: { distribution: 'normal', scale: 0.1 },
    };
    const { verticalLabel, horizontalLabel } = layerNames(layer);
    Object.assign(specs, { [verticalLabel]: label, [horizontalLabel]: label });
  }
  if (network.positions === 'learned') {
    const position = positionSpec(network, 2 * filters);
    specs[positionNames.vertical] = position;
    specs[positionNames.horizontal] = position;
  }
  return { ...specs, ...pixelHead(network).specs };
}

/** Values in [0, 1] to [-1, 1], so that black differs from the zeros around the image. */
export function centred(x: tf.Tensor): tf.Tensor {
  return tf.sub(tf.mul(x, 2), 1);
}

/** [..., inputs] times [inputs, outputs]: a convolution of one pixel. */
export function pointwise(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  const [inputs, outputs] = kernel.shape as [number, number];
  const product = tf.matMul(tf.reshape(x, [-1, inputs]) as tf.Tensor2D, kernel as tf.Tensor2D);
  return tf.reshape(product, [...x.shape.slice(0, -1), outputs]);
}

/** tanh(a) * sigmoid(b) of the two halves of the last axis (eq. 2): [..., 2F] to [..., F]. */
export function gate(x: tf.Tensor): tf.Tensor {
  const [a, b] = tf.split(x, 2, x.rank - 1) as [tf.Tensor, tf.Tensor];
  return tf.mul(tf.tanh(a), tf.sigmoid(b));
}

/** What a layer adds to its two stacks: [2F], [batch, 2F], or for each pixel [h, w, 2F] or [batch, h, w, 2F]. */
export interface Shifts {
  readonly vertical: tf.Tensor;
  readonly horizontal: tf.Tensor;
}

/**
 * The shifts of a layer: the bias, of the class V^T h (eq. 4), and of the positions theirs, if it has such.
 * @param label class of each example, [batch], or features in its place, [batch, classes]
 * @param positions biases of all pixels, [h, w, 2F], or of those of a row, [batch, 1, w, 2F]
 */
export function shifts(
  network: PixelcnnNetwork,
  state: NamedTensors,
  layer: number,
  label: tf.Tensor | undefined,
  positions: Shifts | null,
): Shifts {
  const names = layerNames(layer);
  const shift = (bias: string, kernel: string, position: tf.Tensor | undefined): tf.Tensor => {
    const everywhere = (shifted: tf.Tensor) =>
      position === undefined ? shifted : addShift(position, shifted);
    if (network.classes === 0) return everywhere(state[bias]!);
    const told = label!.rank === 2 ? (label as tf.Tensor2D) : oneHot(label!, network.classes);
    const ofClass = tf.matMul(told, state[kernel] as tf.Tensor2D);
    return everywhere(tf.add(ofClass, state[bias]!));
  };
  return {
    vertical: shift(names.verticalBias, names.verticalLabel, positions?.vertical),
    horizontal: shift(names.horizontalBias, names.horizontalLabel, positions?.horizontal),
  };
}

/** Adds shifts to every pixel of [batch, h, w, 2F]. */
export function addShift(x: tf.Tensor, shift: tf.Tensor): tf.Tensor {
  return tf.add(x, shift.rank === 2 ? tf.reshape(shift, [shift.shape[0]!, 1, 1, -1]) : shift);
}

/** The learned biases of all positions, [h, w, 2F] each, or null for a network that is the same everywhere. */
export function positionBiases(network: PixelcnnNetwork, state: NamedTensors): Shifts | null {
  if (network.positions === 'none') return null;
  return { vertical: state[positionNames.vertical]!, horizontal: state[positionNames.horizontal]! };
}

/** Those of each example's row, [batch, 1, w, 2F]: `row` [batch] holds whole numbers from 0. */
export function positionBiasesOfRow({ vertical, horizontal }: Shifts, row: tf.Tensor): Shifts {
  return { vertical: biasesOfRow(vertical, row), horizontal: biasesOfRow(horizontal, row) };
}

/**
 * The gated horizontal sum, mixed across filters: the layer's output before the residual connection, [..., 2F] to
 * [..., F].
 */
export function layerOutput({ filters }: PixelcnnNetwork, layer: number): Module {
  return sequential([gate, dense(`layer${layer}/output`, filters, filters, pixelStart)]);
}

/** A convolution with zeros around: [batch, h, w, inputs] to [batch, h + up - rows + 1, w + left + right - columns + 1, outputs]. */
export function convolvePadded(
  x: tf.Tensor,
  kernel: tf.Tensor,
  [up, left, right]: readonly [number, number, number],
): tf.Tensor {
  return tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, [
    [0, 0],
    [up, 0],
    [left, right],
    [0, 0],
  ]);
}

/**
 * The parameters of every pixel's distribution given the pixels before it, row by row: [batch, D] to [batch, P, C].
 *
 * The vertical stack sees the rows above and passes what it finds to the horizontal stack, which sees the pixels to
 * the left: together all pixels before, without the blind spot of one masked stack (section 2.2, figure 2). Windows
 * that end above or before a pixel are ordinary convolutions of an image moved down or to the right. Convolutions
 * are the same at every pixel but for the zeros around; the position biases tell the first layer where it is.
 */
export function pixelcnnForward(
  network: PixelcnnNetwork,
  state: NamedTensors,
  x: tf.Tensor2D,
  label?: tf.Tensor,
): tf.Tensor {
  const { height, width, layers, distribution } = network;
  const batch = x.shape[0];
  const image = inputsOf(network).of(tf.reshape(x, [batch, height, width, distribution.channels]));
  const reach = reachOf(network, 0);
  const down = moved(image, [reach, 0], [height - 1 + reach, width]);
  const right = moved(image, [0, reach], [height, width - 1 + reach]);
  let [vertical, horizontal] = [down, right];
  for (let layer = 0; layer < layers; layer++) {
    const names = layerNames(layer);
    const first = layer === 0;
    const shift = shifts(network, state, layer, label, first ? positionBiases(network, state) : null);
    const r = reachOf(network, layer);
    const up = convolvePadded(vertical, state[names.vertical]!, [first ? 0 : r, r, r]);
    const left = convolvePadded(horizontal, state[names.horizontal]!, [0, first ? 0 : r, 0]);
    const above = addShift(up, shift.vertical); // [batch, h, w, 2F]
    const sum = tf.add(addShift(left, shift.horizontal), pointwise(above, state[names.across]!));
    const output = layerOutput(network, layer).apply(state, sum, inference); // [batch, h, w, F]
    horizontal = first ? output : tf.add(output, horizontal);
    vertical = gate(above);
  }
  return tf.reshape(pixelHead(network).apply(state, horizontal, inference), [
    batch,
    height * width,
    distribution.width,
  ]);
}

/** The image moved by [down, right] pixels into zeros, cut to the size. */
export function moved(
  image: tf.Tensor,
  [down, right]: readonly [number, number],
  [height, width]: readonly [number, number],
): tf.Tensor {
  const padded = tf.pad(image, [
    [0, 0],
    [down, 0],
    [right, 0],
    [0, 0],
  ]);
  return tf.slice(padded, [0, 0, 0, 0], [image.shape[0]!, height, width, image.shape[3]!]);
}
