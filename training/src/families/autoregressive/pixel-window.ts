import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import { convolution } from '../../nn/convolution.ts';
import { oneHot } from '../../nn/one-hot.ts';
import { pixelStart } from './pixel-head.ts';
import type { PixelSizes } from './pixel-model.ts';
import { biasesOfRow, positionSpec } from './pixel-positions.ts';
import { addShift, convolvePadded, moved } from './pixelcnn/pixelcnn-network.ts';

/** A first layer that sees the pixels of a window that come before the pixel itself. */
export interface WindowedPixels extends PixelSizes {
  readonly filters: number;
  /** How far the window reaches. */
  readonly reach: { readonly rows: number; readonly columns: number };
  /** Whether the row above goes on to the left of a row, in its order, so that no pixel before is out of reach; else 0. */
  readonly wraps: boolean;
}

const names = {
  above: 'first/above/kernel',
  left: 'first/left/kernel',
  bias: 'first/bias',
  label: 'first/label',
  position: 'first/position',
} as const;

/** The parameters of the window: kernels for the rows above and for the pixels to the left, and what is added to them. */
export function windowSpecs(network: WindowedPixels): StateSpecs {
  const { filters, reach, classes, distribution } = network;
  const plain = { ...pixelStart, bias: false } as const;
  const channels = [distribution.channels, filters] as const;
  return {
    ...convolution('first/above', channels, [reach.rows, 2 * reach.columns + 1], plain).specs,
    ...convolution('first/left', channels, [1, reach.columns], plain).specs,
    [names.bias]: { shape: [filters], initial: 0 },
    ...(network.positions === 'learned' && { [names.position]: positionSpec(network, filters) }),
    ...(classes > 0 && {
      [names.label]: { shape: [classes, filters], initial: { distribution: 'normal', scale: 0.1 } },
    }),
  };
}

/** The features of every pixel: [batch, h, w, channels], centred, to [batch, h, w, filters]. */
export function windowFeatures(
  network: WindowedPixels,
  state: NamedTensors,
  image: tf.Tensor,
  label?: tf.Tensor,
): tf.Tensor {
  const { height, width, reach, wraps, distribution } = network;
  const rows = moved(image, [reach.rows, 0], [height - 1 + reach.rows, width]);
  const lines: [number, number] = wraps ? [1, height * width] : [height, width];
  const inLines = tf.reshape(image, [-1, ...lines, distribution.channels]);
  const columns = moved(inLines, [0, reach.columns], [lines[0], lines[1] - 1 + reach.columns]);
  const above = convolvePadded(rows, state[names.above]!, [0, reach.columns, reach.columns]);
  const left = tf.reshape(convolvePadded(columns, state[names.left]!, [0, 0, 0]), above.shape);
  const shift = biasAndClass(network, state, names, label);
  const position = network.positions === 'learned' ? state[names.position]! : null; // [h, w, F]
  return addShift(tf.add(above, left), position === null ? shift : addShift(position, shift));
}

/**
 * The same for one row at a time, as far as it is known before its pixels are: what the rows above, the class and the
 * position add.
 * @returns a function of those rows [batch, reach.rows, w, channels], centred, and the number of the row in each example
 *   [batch], which a network without positions does not need, to [batch, w, filters]
 */
export function rowFeatures(
  network: WindowedPixels,
  state: NamedTensors,
  label?: tf.Tensor,
): (above: tf.Tensor, row?: tf.Tensor) => tf.Tensor {
  const { width, reach, filters } = network;
  const shift = biasAndClass(network, state, names, label);
  return (above, row) => {
    const here =
      network.positions === 'learned' ? addShift(biasesOfRow(state[names.position]!, row!), shift) : shift;
    const seen = convolvePadded(above, state[names.above]!, [0, reach.columns, reach.columns]);
    return tf.reshape(addShift(seen, here), [-1, width, filters]);
  };
}

/** The kernel of the pixels to the left, those farthest first: [reach.columns * channels, filters]. */
export function leftKernel(
  { reach, filters, distribution }: WindowedPixels,
  state: NamedTensors,
): tf.Tensor2D {
  return tf.reshape(state[names.left]!, [reach.columns * distribution.channels, filters]) as tf.Tensor2D;
}

/** A bias and, with classes, what the class adds to it: [C], or [batch, C]. */
export function biasAndClass(
  { classes }: Pick<PixelSizes, 'classes'>,
  state: NamedTensors,
  { bias, label: kernel }: { readonly bias: string; readonly label: string },
  label?: tf.Tensor,
): tf.Tensor {
  if (classes === 0) return state[bias]!;
  return tf.add(tf.matMul(oneHot(label!, classes), state[kernel] as tf.Tensor2D), state[bias]!);
}
