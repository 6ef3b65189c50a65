import type { tf } from '../../tfjs.mjs';

/**
 * The gradients of a dilated convolution of stride 1, which tfjs has none of, as convolutions themselves (so they have
 * gradients again). With P the input between its zeros, y[r] = sum over taps i of P[r + d i] w[i] in each direction:
 *
 *   dP[s] = sum_i dy[s - d i] w[i]: dy between zeros, convolved with the flipped filter, of the same dilation
 *   dw[i] = sum_r P[r + d i] dy[r]: P convolved with dy in steps of d, examples in the place of channels
 */
export function dilatedConvolutionGradient(
  tfjs: typeof tf,
  dy: tf.Tensor4D,
  x: tf.Tensor4D,
  filter: tf.Tensor4D,
  { pad, dilations, dimRoundingMode, dataFormat }: tf.Conv2DAttrs,
): { x: () => tf.Tensor; filter: () => tf.Tensor } {
  const steps = (typeof dilations === 'number' ? [dilations, dilations] : dilations) as [number, number];
  if (dataFormat !== 'NHWC') throw new Error(`the gradient of a dilated convolution of layout ${dataFormat}`);
  const { padInfo } = tfjs.backend_util.computeConv2DInfo(
    x.shape,
    filter.shape,
    1,
    steps,
    pad as number,
    dimRoundingMode,
  );
  const { top, bottom, left, right } = padInfo;
  const around = (value: tf.Tensor4D, rows: [number, number], columns: [number, number]) =>
    tfjs.pad(value, [[0, 0], rows, columns, [0, 0]]);
  return {
    x: () => {
      const [down, across] = [(filter.shape[0] - 1) * steps[0], (filter.shape[1] - 1) * steps[1]];
      const flipped = tfjs.transpose(tfjs.reverse(filter, [0, 1]), [0, 1, 3, 2]);
      const spread = around(dy, [down, down], [across, across]);
      const padded = tfjs.conv2d(spread, flipped, 1, 'valid', 'NHWC', steps);
      return tfjs.slice(padded, [0, top, left, 0], x.shape);
    },
    filter: () => {
      const inputs = tfjs.transpose(around(x, [top, bottom], [left, right]), [3, 1, 2, 0]); // [inputs, h, w, batch]
      const windows = tfjs.transpose(dy, [1, 2, 0, 3]); // [h', w', batch, outputs]
      const taps = tfjs.conv2d(inputs as tf.Tensor4D, windows as tf.Tensor4D, steps, 'valid');
      return tfjs.transpose(taps, [1, 2, 0, 3]);
    },
  };
}
