import { tf } from '@generatrix/export';
import { heNormal } from './initial-values.ts';
import { type LinearOptions, linearMap } from './linear-map.ts';
import type { Module } from './module.ts';

/** One number for both directions, or [down, across]. */
export type Extent = number | readonly [number, number];

export interface ConvolutionOptions extends LinearOptions {
  /** Steps of the window; 1 when absent. */
  readonly stride?: Extent;
  /** Distance of the values that a window takes; 1 when absent. Not together with a stride. */
  readonly dilation?: Extent;
  /**
   * `same` (the default) keeps ceil(size / stride) positions, `valid` only whole windows; or zeros around, as
   * [[above, below], [left, right]]: with all of them above and to the left a convolution is causal.
   */
  readonly padding?: 'same' | 'valid' | readonly [readonly [number, number], readonly [number, number]];
}

const pair = (extent: Extent = 1): [number, number] =>
  typeof extent === 'number' ? [extent, extent] : [extent[0], extent[1]];

const paddingOf = (padding: ConvolutionOptions['padding'] = 'same') =>
  typeof padding === 'string'
    ? padding
    : ([[0, 0], [...padding[0]], [...padding[1]], [0, 0]] as [Side, Side, Side, Side]);
type Side = [number, number];

/**
 * Convolution: [batch, h, w, inputs] to [batch, h', w', outputs]. State: `name/kernel` [down, across, inputs,
 * outputs], He-normal when the options say nothing, and `name/bias` [outputs]. A sequence is an image of width 1.
 */
export function convolution(
  name: string,
  [inputs, outputs]: readonly [number, number],
  size: Extent,
  options: ConvolutionOptions = {},
): Module {
  const [down, across] = pair(size);
  return linearMap(
    name,
    {
      shape: [down, across, inputs, outputs],
      outputs,
      fans: { in: down * across * inputs, out: down * across * outputs },
      initial: heNormal,
      map: (x, kernel) =>
        tf.conv2d(
          x as tf.Tensor4D,
          kernel as tf.Tensor4D,
          pair(options.stride),
          paddingOf(options.padding),
          'NHWC',
          pair(options.dilation),
        ),
    },
    options,
  );
}

/**
 * Transposed convolution, the adjoint of `convolution` with 'same' padding: [batch, ceil(h / stride),
 * ceil(w / stride), inputs] to [batch, h, w, outputs]. State: `name/kernel` [down, across, outputs, inputs], He-normal
 * when the options say nothing, and `name/bias` [outputs].
 * @param options.size [h, w]; stride times the input's when absent
 */
export function transposedConvolution(
  name: string,
  [inputs, outputs]: readonly [number, number],
  size: Extent,
  options: LinearOptions & { readonly stride?: Extent; readonly size?: readonly [number, number] } = {},
): Module {
  const [down, across] = pair(size);
  const stride = pair(options.stride);
  return linearMap(
    name,
    {
      shape: [down, across, outputs, inputs],
      outputs,
      fans: { in: down * across * inputs, out: down * across * outputs },
      initial: heNormal,
      map: (x, kernel) => {
        const [batch, height, width] = x.shape as [number, number, number];
        const [h, w] = options.size ?? [height * stride[0], width * stride[1]];
        return tf.conv2dTranspose(
          x as tf.Tensor4D,
          kernel as tf.Tensor4D,
          [batch, h, w, outputs],
          stride,
          'same',
        );
      },
    },
    options,
  );
}

/**
 * Depthwise convolution, a filter of its own for every channel: [batch, h, w, channels] to [batch, h', w', channels].
 * State: `name/kernel` [down, across, channels, 1], He-normal when the options say nothing, and `name/bias`.
 */
export function depthwiseConvolution(
  name: string,
  channels: number,
  size: Extent,
  options: Omit<ConvolutionOptions, 'spectral' | 'dilation'> = {},
): Module {
  const [down, across] = pair(size);
  return linearMap(
    name,
    {
      shape: [down, across, channels, 1],
      outputs: channels,
      fans: { in: down * across, out: down * across },
      initial: heNormal,
      map: (x, kernel) =>
        tf.depthwiseConv2d(
          x as tf.Tensor4D,
          kernel as tf.Tensor4D,
          pair(options.stride),
          paddingOf(options.padding) as 'same',
        ),
    },
    options,
  );
}
