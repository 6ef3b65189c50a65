import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';

/**
 * Parameters of a convolution: `name/kernel` [size, size, inputs, outputs] with He-normal values (He et al. 2015,
 * eq. 10) and `name/bias`. For a transposed convolution the kernel is [size, size, outputs, inputs].
 */
export function convolutionSpecs(
  name: string,
  size: number,
  inputs: number,
  outputs: number,
  kind: 'plain' | 'transposed' = 'plain',
): StateSpecs {
  const shape = kind === 'plain' ? [size, size, inputs, outputs] : [size, size, outputs, inputs];
  return {
    [`${name}/kernel`]: {
      shape,
      initial: { distribution: 'normal', scale: Math.sqrt(2 / (size * size * inputs)) },
    },
    [`${name}/bias`]: { shape: [outputs], initial: 0 },
  };
}

/** Convolution with 'same' padding: [batch, h, w, inputs] to [batch, ceil(h/stride), ceil(w/stride), outputs]. */
export function convolution(state: NamedTensors, name: string, x: tf.Tensor, stride: number): tf.Tensor4D {
  const kernel = state[`${name}/kernel`] as tf.Tensor4D;
  return tf.add(tf.conv2d(x as tf.Tensor4D, kernel, stride, 'same'), state[`${name}/bias`]!);
}

/**
 * Transposed convolution, the adjoint of `convolution`: [batch, ceil(h/stride), ceil(w/stride), inputs] to
 * [batch, h, w, outputs] for the `size` [h, w] asked for.
 */
export function transposedConvolution(
  state: NamedTensors,
  name: string,
  x: tf.Tensor,
  stride: number,
  [height, width]: readonly [number, number],
): tf.Tensor4D {
  const kernel = state[`${name}/kernel`] as tf.Tensor4D;
  const shape: [number, number, number, number] = [x.shape[0]!, height, width, kernel.shape[2]];
  return tf.add(tf.conv2dTranspose(x as tf.Tensor4D, kernel, shape, stride, 'same'), state[`${name}/bias`]!);
}
