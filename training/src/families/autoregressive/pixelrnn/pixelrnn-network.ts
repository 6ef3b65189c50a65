import { type NamedTensors, scan, tf } from '@generatrix/export';
import type { StateSpec, StateSpecs } from '../../../model/state.ts';
import { convolution } from '../../../nn/convolution.ts';
import { dense } from '../../../nn/dense.ts';
import { inference, type Module } from '../../../nn/module.ts';
import { pixelHead, pixelStart } from '../pixel-head.ts';
import type { PixelSizes } from '../pixel-model.ts';
import { biasAndClass, type WindowedPixels, windowFeatures, windowSpecs } from '../pixel-window.ts';
import { addShift, centred, convolvePadded, pointwise } from '../pixelcnn/pixelcnn-network.ts';

/** A PixelRNN of Row LSTM layers with its sizes settled. */
export interface PixelrnnNetwork extends PixelSizes {
  readonly layers: number;
  /** Features of a pixel between the layers. */
  readonly filters: number;
  /** Units of an LSTM's hidden state and cell at each pixel. */
  readonly units: number;
  /** Width of the first layer's window, odd; it leaves out the pixel itself. */
  readonly firstKernel: number;
  /** Width of the windows along a row, odd: what an LSTM sees of its input, and of the row above. */
  readonly kernel: number;
  readonly headFilters: number;
}

/** How far a window of this width reaches to each side. */
export const reachOf = (width: number) => (width - 1) / 2;

/** The first layer: a square window. */
export function windowOf(network: PixelrnnNetwork): WindowedPixels {
  const reach = reachOf(network.firstKernel);
  return { ...network, reach: { rows: reach, columns: reach }, wraps: false };
}

/** Names of an LSTM layer's parameters. */
export function lstmNames(layer: number) {
  const name = (part: string) => `lstm${layer}/${part}`;
  return {
    input: name('input/kernel'),
    state: name('state/kernel'),
    bias: name('bias'),
    label: name('label'),
  };
}

/** The parameters; kernels start normal with variance 1 / (number of inputs), which keeps the variance of sums. */
export function pixelrnnSpecs(network: PixelrnnNetwork): StateSpecs {
  const { layers, filters, units, kernel, classes } = network;
  const plain = { ...pixelStart, bias: false } as const;
  const zeros = (size: number): StateSpec => ({ shape: [size], initial: 0 });
  const ofClass = (size: number): StateSpec => ({
    shape: [classes, size],
    initial: { distribution: 'normal', scale: 0.1 },
  });
  const specs: Record<string, StateSpec> = { ...windowSpecs(windowOf(network)) };
  for (let layer = 0; layer < layers; layer++) {
    const names = lstmNames(layer);
    const window = [1, reachOf(kernel) + 1] as const;
    Object.assign(
      specs,
      convolution(`lstm${layer}/input`, [filters, 4 * units], window, plain).specs,
      dense(`lstm${layer}/state`, kernel * units, 4 * units, plain).specs,
      { [names.bias]: zeros(4 * units) },
      classes > 0 ? { [names.label]: ofClass(4 * units) } : {},
      lstmOutput(network, layer).specs,
    );
  }
  return { ...specs, ...pixelHead(network).specs };
}

/** From an LSTM's hidden states to what it adds to the features: [..., U] to [..., F]. */
export function lstmOutput({ units, filters }: PixelrnnNetwork, layer: number): Module {
  return dense(`lstm${layer}/output`, units, filters, pixelStart);
}

/** A row's hidden states to what they add to the gates of the row below: [batch, w, U] to [batch, w, 4U]. */
export function fromAbove(hidden: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  const [batch, width, units] = hidden.shape as [number, number, number];
  const taps = kernel.shape[0]! / units;
  const reach = reachOf(taps);
  const padded = tf.pad(hidden, [
    [0, 0],
    [reach, reach],
    [0, 0],
  ]);
  const windows = Array.from({ length: taps }, (_, i) => tf.slice(padded, [0, i, 0], [batch, width, units]));
  return pointwise(tf.concat(windows, 2), kernel);
}

/**
 * An LSTM's update from the sums of its gates [..., 4U] and the cell above [..., U] (eq. 3). The forget gate's sum is
 * raised by 1, so that a fresh network remembers (Jozefowicz et al. 2015, section 5).
 */
export function lstmCell(gates: tf.Tensor, cell: tf.Tensor): { hidden: tf.Tensor; cell: tf.Tensor } {
  const [output, forget, input, content] = tf.split(gates, 4, gates.rank - 1) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const kept = tf.mul(tf.sigmoid(tf.add(forget, 1)), cell);
  const next = tf.add(kept, tf.mul(tf.sigmoid(input), tf.tanh(content)));
  return { hidden: tf.mul(tf.sigmoid(output), tf.tanh(next)), cell: next };
}

/**
 * The parameters of every pixel's distribution given the pixels before it: [batch, D] to [batch, P, C]. A first
 * convolution sees the pixels around that come before; each Row LSTM goes down the rows, its input a window of the
 * row that ends at the pixel, its state a window of the row above (section 3.1), and adds to the features (section
 * 3.3).
 */
export function pixelrnnForward(
  network: PixelrnnNetwork,
  state: NamedTensors,
  x: tf.Tensor2D,
  label?: tf.Tensor,
): tf.Tensor {
  const { height, width, layers, distribution } = network;
  const batch = x.shape[0];
  const image = centred(tf.reshape(x, [batch, height, width, distribution.channels]));
  let features = windowFeatures(windowOf(network), state, image, label); // [batch, h, w, F]
  for (let layer = 0; layer < layers; layer++) {
    features = tf.add(features, rowLstm(network, state, layer, features, label));
  }
  return tf.reshape(pixelHead(network).apply(state, features, inference), [
    batch,
    height * width,
    distribution.width,
  ]);
}

/** What a Row LSTM adds to the features: [batch, h, w, F] to the same. */
function rowLstm(
  network: PixelrnnNetwork,
  state: NamedTensors,
  layer: number,
  features: tf.Tensor,
  label?: tf.Tensor,
): tf.Tensor {
  const { width, units, kernel } = network;
  const names = lstmNames(layer);
  const inputs = addShift(
    convolvePadded(features, state[names.input]!, [0, reachOf(kernel), 0]),
    biasAndClass(network, state, names, label),
  ); // [batch, h, w, 4U]
  const zeros = tf.zeros([features.shape[0]!, width, units]);
  const { outputs } = scan({
    carries: { hidden: zeros, cell: zeros },
    sequences: { input: tf.transpose(inputs, [1, 0, 2, 3]) }, // [h, batch, w, 4U]
    body: ({ hidden, cell }, { input }) => {
      const next = lstmCell(tf.add(input!, fromAbove(hidden!, state[names.state]!)), cell!);
      return { carries: next, outputs: { hidden: next.hidden } };
    },
  });
  const hidden = tf.transpose(outputs.hidden!, [1, 0, 2, 3]); // [batch, h, w, U]
  return lstmOutput(network, layer).apply(state, hidden, inference);
}
