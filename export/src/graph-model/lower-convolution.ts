import type { Dim, Shape } from '../graph/ir.ts';
import { type GraphModelEmitter, type GraphModelLowerings, refuse } from './lowering.ts';
import { attr } from './node-def.ts';
import {
  at,
  convolutionAttrs,
  padOrCrop,
  requireNhwc,
  times,
  validConvolution,
  type Window,
  type WindowAxis,
  window,
} from './window.ts';

type Shape4 = readonly [Dim, Dim, Dim, Dim];
const four = (value: { readonly shape: Shape } | undefined) => value!.shape as Shape4;

function refuseDilation(dilations: readonly [number, number] | number | undefined): void {
  if (at(dilations ?? 1, 0) !== 1 || at(dilations ?? 1, 1) !== 1) {
    refuse('the gradient of a dilated depthwise convolution, which tfjs does not define either');
  }
}

/** The input with exactly the margins that the windows touch, so that the windows tile it without padding. */
function touched(emit: GraphModelEmitter, x: string, shape: Shape, { rows, columns }: Window): string {
  const margins = [
    [rows.before, rows.after],
    [columns.before, columns.after],
  ] as const;
  return padOrCrop(emit, x, shape, margins, emit.scalar('float32', 0));
}

/** Puts stride - 1 zeros after every row and column of an NHWC tensor. */
function spread(emit: GraphModelEmitter, x: string, shape: Shape4, { rows, columns }: Window): string {
  if (rows.stride === 1 && columns.stride === 1) return x;
  const [batch, height, width, channels] = shape as readonly [Dim, number, number, Dim];
  const apart = emit.reshape(x, [batch, height, 1, width, 1, channels]);
  const zeros = [0, 0, rows.stride - 1, 0, columns.stride - 1, 0].flatMap((after) => [0, after]);
  const paddings = emit.constant('int32', [6, 2], zeros);
  const padded = emit.op('PadV2', [apart, paddings, emit.scalar('float32', 0)]);
  return emit.reshape(padded, [batch, height * rows.stride, width * columns.stride, channels]);
}

/**
 * Sends what each window received back to the inputs it came from: the transpose of a depthwise convolution with
 * one output per channel. It is the correlation of the spread `dy` with the filter turned by half a turn.
 * @param dy of shape `shape`, NHWC.
 * @param turnedFilter of shape [rows, columns, channels, 1].
 * @returns a tensor with the height and width of the window's input.
 */
export function transposedDepthwise(
  emit: GraphModelEmitter,
  dy: string,
  shape: Shape,
  turnedFilter: string,
  windows: Window,
): string {
  const { rows, columns } = windows;
  const [batch, , , channels] = shape as Shape4;
  const grown: Shape4 = [batch, rows.output * rows.stride, columns.output * columns.stride, channels];
  const margin = ({ input, output, stride, size, before }: WindowAxis) => {
    const lead = size - 1 - before;
    return [lead, input + size - 1 - lead - output * stride] as const;
  };
  const spreadDy = spread(emit, dy, shape as Shape4, windows);
  const margins = [margin(rows), margin(columns)] as const;
  const placed = padOrCrop(emit, spreadDy, grown, margins, emit.scalar('float32', 0));
  return emit.op('DepthwiseConv2dNative', [placed, turnedFilter], validConvolution());
}

/** Convolutions and their gradients, NHWC. */
export const convolutionLowerings = {
  Conv2D: (emit, node, [x, filter]) => {
    const { dataFormat, strides, dilations, pad } = node.attrs;
    requireNhwc(dataFormat);
    const [rows, columns] = four(node.inputs[1]) as readonly number[];
    const plan = { size: [rows!, columns!] as const, strides, dilations, pad };
    const windows = window(four(node.inputs[0]), four(node.outputs[0]), plan);
    return [emit.op('Conv2D', [x!, filter!], convolutionAttrs(windows))];
  },

  // dw[k] = sum over b, o of x[b, o * stride + k - pad] dy[b, o]: a convolution whose channels are the batch, whose
  // filter is dy, and whose dilation is the stride.
  Conv2DBackpropFilter: (emit, node, [x, dy]) => {
    const { dataFormat, strides, pad, filterShape } = node.attrs;
    requireNhwc(dataFormat);
    const [input, output] = [four(node.inputs[0]), four(node.inputs[1])];
    const windows = window(input, output, { size: [filterShape[0], filterShape[1]], strides, pad });
    const examplesLast = emit.op('Transpose', [touched(emit, x!, input, windows), emit.ints([3, 1, 2, 0])]);
    const asFilter = emit.op('Transpose', [dy!, emit.ints([1, 2, 0, 3])]);
    const dilations = [windows.rows.stride, windows.columns.stride] as const;
    const product = emit.op('Conv2D', [examplesLast, asFilter], validConvolution(dilations));
    return [emit.op('Transpose', [product, emit.ints([1, 2, 0, 3])])];
  },

  Conv2DBackpropInput: (emit, node, [dy, filter]) => {
    const { dataFormat, strides, pad } = node.attrs;
    requireNhwc(dataFormat);
    const input = four(node.outputs[0]);
    const [rows, columns] = four(node.inputs[1]) as readonly number[];
    const windows = window(input, four(node.inputs[0]), { size: [rows!, columns!], strides, pad });
    return [emit.op('Conv2DBackpropInput', [emit.dims(input), filter!, dy!], convolutionAttrs(windows))];
  },

  DepthwiseConv2dNative: (emit, node, [x, filter]) => {
    const { dataFormat, strides, dilations, pad } = node.attrs;
    requireNhwc(dataFormat);
    const [rows, columns] = four(node.inputs[1]) as readonly number[];
    const plan = { size: [rows!, columns!] as const, strides, dilations, pad };
    const windows = window(four(node.inputs[0]), four(node.outputs[0]), plan);
    return [emit.op('DepthwiseConv2dNative', [x!, filter!], convolutionAttrs(windows))];
  },

  // As for Conv2D, but each example and channel is a channel of its own; the examples are summed at the end.
  DepthwiseConv2dNativeBackpropFilter: (emit, node, [x, dy]) => {
    const { strides, dilations, pad, filterShape } = node.attrs;
    refuseDilation(dilations);
    const [input, output] = [four(node.inputs[0]), four(node.inputs[1])];
    const [size, columns, channels, multiplier] = filterShape;
    const windows = window(input, output, { size: [size, columns], strides, pad });
    const batch = input[0];
    const padded = (axis: WindowAxis) => axis.input + axis.before + axis.after;
    const channelsOf = (name: string) => emit.op('Transpose', [name, emit.ints([1, 2, 0, 3])]);
    const images = emit.reshape(channelsOf(touched(emit, x!, input, windows)), [
      1,
      padded(windows.rows),
      padded(windows.columns),
      times(batch, channels),
    ]);
    const filters = emit.reshape(channelsOf(dy!), [output[1], output[2], times(batch, channels), multiplier]);
    const products = emit.op(
      'DepthwiseConv2dNative',
      [images, filters],
      validConvolution([windows.rows.stride, windows.columns.stride]),
    );
    const perExample = emit.reshape(products, [size, columns, batch, channels, multiplier]);
    return [emit.op('Sum', [perExample, emit.ints([2])], { keep_dims: attr.bool(false) })];
  },

  DepthwiseConv2dNativeBackpropInput: (emit, node, [dy, filter]) => {
    const { strides, dilations, pad } = node.attrs;
    refuseDilation(dilations);
    const [size, columns, channels, multiplier] = four(node.inputs[1]) as readonly [
      number,
      number,
      number,
      number,
    ];
    const input = four(node.outputs[0]);
    const windows = window(input, four(node.inputs[0]), { size: [size, columns], strides, pad });
    const turned = emit.op('ReverseV2', [filter!, emit.ints([0, 1])]);
    const perOutput = emit.reshape(turned, [size, columns, channels * multiplier, 1]);
    const shares = transposedDepthwise(emit, dy!, node.inputs[0]!.shape, perOutput, windows);
    if (multiplier === 1) return [shares];
    const grouped = emit.reshape(shares, [...input, multiplier]);
    return [emit.op('Sum', [grouped, emit.ints([4])], { keep_dims: attr.bool(false) })];
  },
} satisfies Partial<GraphModelLowerings>;
