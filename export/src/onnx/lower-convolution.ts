import type { Dim, KernelNode, Shape } from '../graph/ir.ts';
import { filterGradientByProducts, prefersProducts } from './filter-gradient.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import {
  describe,
  keepLeading,
  slidingWindows,
  times,
  type WindowAttrs,
  type Windows,
} from './window-geometry.ts';

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
    const y = convolve(emit, channelsFirst(emit, x!, attrs), emit.transpose(filter!, hwioToOihw), windows, 1);
    return [channelsAsBefore(emit, y, attrs)];
  },

  Conv2DBackpropInput: (emit, node, [dy, filter]) => {
    // The kernel is defined without dilation, as is the gradient that calls it.
    const attrs = { ...node.attrs, dilations: 1 };
    const windows = slidingWindows(node.outputs[0]!.shape, filterSize(node.inputs[1]!.shape), attrs);
    const dyFirst = keepWindows(emit, channelsFirst(emit, dy!, attrs), node.inputs[0]!.shape, windows, attrs);
    const dx = convolveTransposed(emit, dyFirst, emit.transpose(filter!, hwioToOihw), windows, 1);
    return [channelsAsBefore(emit, dx, attrs)];
  },

  Conv2DBackpropFilter: (emit, node, [x, dy]) => {
    const attrs = { ...node.attrs, dilations: 1 };
    const [filterHeight, filterWidth] = attrs.filterShape;
    const windows = slidingWindows(node.inputs[0]!.shape, [filterHeight, filterWidth], attrs);
    if (attrs.dataFormat !== 'NCHW' && prefersProducts(windows, attrs.filterShape[2])) {
      const [input, gradient] = node.inputs;
      return [filterGradientByProducts(emit, [x!, input!.shape], [dy!, gradient!.shape], windows)];
    }
    const dyBatchSecond = keepWindows(
      emit,
      batchSecond(emit, dy!, attrs),
      node.inputs[1]!.shape,
      windows,
      attrs,
    );
    const dw = convolve(emit, batchSecond(emit, x!, attrs), dyBatchSecond, rolesSwapped(windows), 1);
    return [emit.transpose(dw, [2, 3, 0, 1])];
  },

  DepthwiseConv2dNative: (emit, node, [x, filter]) => {
    const attrs = { ...node.attrs, dilations: node.attrs.dilations ?? 1 };
    requireChannelsLast(node, attrs);
    const windows = slidingWindows(node.inputs[0]!.shape, filterSize(node.inputs[1]!.shape), attrs);
    const channels = channelCount(node.inputs[0]!.shape);
    const weights = depthwiseWeights(emit, filter!, node.inputs[1]!.shape);
    const y = convolve(emit, channelsFirst(emit, x!, attrs), weights, windows, channels);
    return [channelsAsBefore(emit, y, attrs)];
  },

  DepthwiseConv2dNativeBackpropInput: (emit, node, [dy, filter]) => {
    const { attrs } = node;
    requireUndilated(node, attrs.dilations);
    const windows = slidingWindows(node.outputs[0]!.shape, filterSize(node.inputs[1]!.shape), attrs);
    const channels = channelCount(node.outputs[0]!.shape);
    const dyFirst = keepWindows(emit, channelsFirst(emit, dy!, attrs), node.inputs[0]!.shape, windows, attrs);
    const weights = depthwiseWeights(emit, filter!, node.inputs[1]!.shape);
    // One group per output channel, then the sum: onnxruntime 1.30's WebGPU provider computes a ConvTranspose of
    // several input channels per group wrongly (two of them, seen in the tests of this file).
    const multiplier = node.inputs[1]!.shape[3] as number;
    const dx = convolveTransposed(emit, dyFirst, weights, windows, channels * multiplier);
    if (multiplier === 1) return [channelsAsBefore(emit, dx, attrs)];
    const [batch, height, width] = node.outputs[0]!.shape as [Dim, number, number];
    const split = emit.reshape(dx, [batch, channels, multiplier, height, width]);
    const summed = emit.op('ReduceSum', [split, emit.ints([2])], { keepdims: 0 });
    return [channelsAsBefore(emit, summed, attrs)];
  },

  DepthwiseConv2dNativeBackpropFilter: (emit, node, [x, dy]) => {
    const { attrs } = node;
    requireUndilated(node, attrs.dilations);
    const [filterHeight, filterWidth, channels, multiplier] = attrs.filterShape;
    const [batch, height, width] = node.inputs[0]!.shape as [Dim, number, number, number];
    const windows = slidingWindows(node.inputs[0]!.shape, [filterHeight, filterWidth], attrs);
    // One group per channel; inside a group the images of the batch take the place of channels.
    const grouped = emit.reshape(batchSecond(emit, x!, attrs), [1, times(batch, channels), height, width]);
    const dyBatchSecond = keepWindows(
      emit,
      batchSecond(emit, dy!, attrs),
      node.inputs[1]!.shape,
      windows,
      attrs,
    );
    const dw = convolve(emit, grouped, dyBatchSecond, rolesSwapped(windows), channels);
    const split = emit.reshape(dw, [channels, multiplier, filterHeight, filterWidth]);
    return [emit.transpose(split, [2, 3, 0, 1])];
  },
} satisfies Pick<
  OnnxLowerings,
  | 'Conv2D'
  | 'Conv2DBackpropInput'
  | 'Conv2DBackpropFilter'
  | 'DepthwiseConv2dNative'
  | 'DepthwiseConv2dNativeBackpropInput'
  | 'DepthwiseConv2dNativeBackpropFilter'
>;

const hwioToOihw = [3, 2, 0, 1];

/** A Conv whose output is exactly the windows' output size; `x` NCHW, `weights` OIHW. */
function convolve(emit: OnnxEmitter, x: string, weights: string, windows: Windows, group: number): string {
  const [h, w] = windows;
  // Conv rounds down, so fewer unread cells than a stride do no harm; more would add windows.
  const cuts = windows.map(({ input, after, stride }, i) => ({
    axis: 2 + i,
    has: input,
    keep: -after >= stride ? input + after : input,
  }));
  return emit.op('Conv', [keepLeading(emit, x, cuts), weights], {
    kernel_shape: [h.filter, w.filter],
    strides: [h.stride, w.stride],
    dilations: [h.dilation, w.dilation],
    pads: [h.before, w.before, Math.max(0, h.after), Math.max(0, w.after)],
    group,
  });
}

/** The transpose of `convolve` as a linear map of its input: from the windows' output size to their input size. */
function convolveTransposed(
  emit: OnnxEmitter,
  dy: string,
  weights: string,
  windows: Windows,
  group: number,
): string {
  const [h, w] = windows;
  // output_padding must stay below the stride; cells that no window reads beyond that are zeros, padded below.
  const unread = windows.map(({ after }) => Math.max(0, -after));
  const inside = windows.map(({ stride }, i) => (unread[i]! < stride ? unread[i]! : 0));
  const beyond = unread.map((cells, i) => cells - inside[i]!);
  const dx = emit.op('ConvTranspose', [dy, weights], {
    kernel_shape: [h.filter, w.filter],
    strides: [h.stride, w.stride],
    dilations: [h.dilation, w.dilation],
    pads: [h.before, w.before, Math.max(0, h.after), Math.max(0, w.after)],
    output_padding: inside,
    group,
  });
  if (beyond.every((cells) => cells === 0)) return dx;
  return emit.op('Pad', [dx, emit.ints([0, 0, 0, 0, 0, 0, ...beyond])], { mode: 'constant' });
}

/** The windows of the filter gradient: the output slides over the input in steps of the dilation. */
function rolesSwapped(windows: Windows): Windows {
  const swap = (axis: Windows[number]) => ({
    ...axis,
    filter: axis.output,
    output: axis.filter,
    stride: axis.dilation,
    dilation: axis.stride,
  });
  return [swap(windows[0]), swap(windows[1])];
}

/**
 * Drops rows and columns of `dy` that the gradient's windows do not have: tfjs forgets `dimRoundingMode` when it
 * calls the gradient of a Conv2D, and so reads only those that rounding down gives.
 */
function keepWindows(
  emit: OnnxEmitter,
  dy: string,
  shape: Shape,
  windows: Windows,
  attrs: WindowAttrs,
): string {
  const first = attrs.dataFormat === 'NCHW' ? 2 : 1;
  return keepLeading(
    emit,
    dy,
    windows.map(({ output }, i) => ({ axis: 2 + i, has: shape[first + i] as number, keep: output })),
  );
}

/** [height, width, channels, multiplier] to [channels * multiplier, 1, height, width]. */
function depthwiseWeights(emit: OnnxEmitter, filter: string, shape: Shape): string {
  const [height, width, channels, multiplier] = shape as [number, number, number, number];
  const moved = emit.transpose(filter, [2, 3, 0, 1]);
  return multiplier === 1 ? moved : emit.reshape(moved, [channels * multiplier, 1, height, width]);
}

function channelsFirst(emit: OnnxEmitter, x: string, { dataFormat }: WindowAttrs): string {
  return dataFormat === 'NCHW' ? x : emit.transpose(x, [0, 3, 1, 2]);
}

function channelsAsBefore(emit: OnnxEmitter, x: string, { dataFormat }: WindowAttrs): string {
  return dataFormat === 'NCHW' ? x : emit.transpose(x, [0, 2, 3, 1]);
}

/** [channels, batch, height, width]. */
function batchSecond(emit: OnnxEmitter, x: string, { dataFormat }: WindowAttrs): string {
  return emit.transpose(x, dataFormat === 'NCHW' ? [1, 0, 2, 3] : [3, 0, 1, 2]);
}

function filterSize(shape: Shape): [number, number] {
  return [shape[0] as number, shape[1] as number];
}

function channelCount(shape: Shape): number {
  return shape[3] as number;
}

function requireChannelsLast(node: KernelNode, { dataFormat }: WindowAttrs): void {
  if (dataFormat !== 'NCHW') return;
  throw new Error(
    `${describe(node)}: depthwise convolution takes NHWC tensors, got dataFormat NCHW; transpose first`,
  );
}

function requireUndilated(node: KernelNode, dilations: [number, number] | number): void {
  if ([dilations].flat().every((dilation) => dilation === 1)) return;
  throw new Error(
    `${describe(node)}: the gradient of a depthwise convolution exists for dilation 1 only (in tfjs, too), got ${dilations}`,
  );
}
