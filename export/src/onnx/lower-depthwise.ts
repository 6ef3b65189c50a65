import type { Dim, KernelNode, Shape } from '../graph/ir.ts';
import {
  batchSecond,
  channelsAsBefore,
  channelsFirst,
  convolve,
  convolveTransposed,
  filterSize,
  rolesSwapped,
} from './convolution-nodes.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { describe, slidingWindows, times, type WindowAttrs } from './window-geometry.ts';

/**
 * Depthwise convolutions and their gradients: as the full ones, in groups. Output channel c * multiplier + m reads
 * input channel c alone.
 */
export const depthwiseLowerings = {
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
    const windows = slidingWindows(
      node.outputs[0]!.shape,
      filterSize(node.inputs[1]!.shape),
      attrs,
      node.inputs[0]!.shape,
    );
    const channels = channelCount(node.outputs[0]!.shape);
    const dyFirst = channelsFirst(emit, dy!, attrs);
    const weights = depthwiseWeights(emit, filter!, node.inputs[1]!.shape);
    // One group per output channel, then the sum: onnxruntime 1.30's WebGPU provider computes a ConvTranspose of
    // several input channels per group wrongly (seen with two).
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
    const windows = slidingWindows(
      node.inputs[0]!.shape,
      [filterHeight, filterWidth],
      attrs,
      node.inputs[1]!.shape,
    );
    // One group per channel; inside a group the images of the batch take the place of channels.
    const grouped = emit.reshape(batchSecond(emit, x!, attrs), [1, times(batch, channels), height, width]);
    const dyBatchSecond = batchSecond(emit, dy!, attrs);
    const dw = convolve(emit, grouped, dyBatchSecond, rolesSwapped(windows), channels);
    const split = emit.reshape(dw, [channels, multiplier, filterHeight, filterWidth]);
    return [emit.transpose(split, [2, 3, 0, 1])];
  },
} satisfies Pick<
  OnnxLowerings,
  'DepthwiseConv2dNative' | 'DepthwiseConv2dNativeBackpropInput' | 'DepthwiseConv2dNativeBackpropFilter'
>;

/** [height, width, channels, multiplier] to [channels * multiplier, 1, height, width]. */
function depthwiseWeights(emit: OnnxEmitter, filter: string, shape: Shape): string {
  const [height, width, channels, multiplier] = shape as [number, number, number, number];
  const moved = emit.transpose(filter, [2, 3, 0, 1]);
  return multiplier === 1 ? moved : emit.reshape(moved, [channels * multiplier, 1, height, width]);
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
