import {
  batchSecond,
  channelsAsBefore,
  channelsFirst,
  convolve,
  convolveTransposed,
  filterSize,
  forgetsPadding,
  rolesSwapped,
} from './convolution-nodes.ts';
import { filterGradientByProducts, prefersProducts } from './filter-gradient.ts';
import { depthwiseLowerings } from './lower-depthwise.ts';
import type { OnnxLowerings } from './lowering.ts';
import { slidingWindows } from './window-geometry.ts';

/**
 * Convolutions and their gradients. tfjs keeps images as NHWC and filters as HWIO; ONNX wants NCHW and OIHW, so
 * each lowering is transposes around one Conv or ConvTranspose (onnxruntime removes the pairs that meet).
 *
 * With X the input, W the filter, Y the output, p the padding before, s the stride:
 *   forward          Y[y] = sum_i X[y s + i - p] W[i]                      Conv
 *   input gradient   X'[h] = sum over (y, i) with y s + i - p = h          ConvTranspose
 *   filter gradient  W'[i] = sum_y X[y s + i - p] Y'[y]                    Conv with Y' as filter, dilation s
 * In the filter gradient the sum runs over the batch as well, so batch and channels trade places; small filters
 * have a faster form, see filter-gradient.ts.
 */
export const convolutionLowerings = {
  Conv2D: (emit, node, [x, filter]) => {
    const { attrs } = node;
    const windows = slidingWindows(node.inputs[0]!.shape, filterSize(node.inputs[1]!.shape), attrs);
    const [, , input, output] = node.inputs[1]!.shape as [number, number, number, number];
    const y = convolve(
      emit,
      channelsFirst(emit, x!, attrs),
      emit.transpose(filter!, hwioToOihw),
      windows,
      1,
      { input, output },
    );
    return [channelsAsBefore(emit, y, attrs)];
  },

  Conv2DBackpropInput: (emit, node, [dy, filter]) => {
    // The kernel is defined without dilation, as is the gradient that calls it.
    const attrs = { ...node.attrs, dilations: 1 };
    const windows = slidingWindows(
      node.outputs[0]!.shape,
      filterSize(node.inputs[1]!.shape),
      attrs,
      node.inputs[0]!.shape,
    );
    const dyFirst = channelsFirst(emit, dy!, attrs);
    const dx = convolveTransposed(emit, dyFirst, emit.transpose(filter!, hwioToOihw), windows, 1);
    return [channelsAsBefore(emit, dx, attrs)];
  },

  Conv2DBackpropFilter: (emit, node, [x, dy]) => {
    const attrs = { ...node.attrs, dilations: 1 };
    const [filterHeight, filterWidth] = attrs.filterShape;
    const windows = slidingWindows(
      node.inputs[0]!.shape,
      [filterHeight, filterWidth],
      attrs,
      node.inputs[1]!.shape,
    );
    const byProducts =
      prefersProducts(windows, attrs.filterShape[2]) || forgetsPadding(rolesSwapped(windows));
    if (attrs.dataFormat !== 'NCHW' && byProducts) {
      const [input, gradient] = node.inputs;
      return [filterGradientByProducts(emit, [x!, input!.shape], [dy!, gradient!.shape], windows)];
    }
    const dyBatchSecond = batchSecond(emit, dy!, attrs);
    // Batch and channels change places: the batch is what this Conv sums over.
    const channels = { input: node.inputs[0]!.shape[0]!, output: node.attrs.filterShape[3] };
    const dw = convolve(
      emit,
      batchSecond(emit, x!, attrs),
      dyBatchSecond,
      rolesSwapped(windows),
      1,
      channels,
    );
    return [emit.transpose(dw, [2, 3, 0, 1])];
  },

  ...depthwiseLowerings,
} satisfies Pick<
  OnnxLowerings,
  'Conv2D' | 'Conv2DBackpropInput' | 'Conv2DBackpropFilter' | keyof typeof depthwiseLowerings
>;

const hwioToOihw = [3, 2, 0, 1];
