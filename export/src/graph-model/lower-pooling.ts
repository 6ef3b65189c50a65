import { type Dim, isSymbolic, type KernelNode, printDim, type Shape } from '../graph/ir.ts';
import { transposedDepthwise } from './lower-convolution.ts';
import { select } from './lower-elementwise.ts';
import { type GraphModelEmitter, type GraphModelLowerings, refuse } from './lowering.ts';
import { type Attrs, attr } from './node-def.ts';
import {
  type Margin,
  marginAfter,
  padOrCrop,
  spatial,
  times,
  type Window,
  type WindowAxis,
  window,
} from './window.ts';

type PoolNode = KernelNode<'AvgPool' | 'MaxPool' | 'AvgPoolGrad' | 'MaxPoolGrad'>;

function poolWindow({ attrs }: PoolNode, input: Shape, output: Shape): Window {
  const { filterSize, strides, pad } = attrs;
  return window(input, output, { size: filterSize, strides, pad });
}

/** The margins to add so that the windows tile the input without padding; null when the op pads by itself. */
function margins({ rows, columns, pad }: Window): readonly [Margin, Margin] | null {
  if (pad === 'same' || pad === 'valid') return null;
  return [
    [rows.before, marginAfter(rows)],
    [columns.before, marginAfter(columns)],
  ];
}

function poolAttrs({ rows, columns, pad }: Window): Attrs {
  return {
    ksize: attr.ints([1, rows.size, columns.size, 1]),
    strides: attr.ints([1, rows.stride, columns.stride, 1]),
    padding: attr.string(pad === 'same' ? 'SAME' : 'VALID'),
    data_format: attr.string('NHWC'),
  };
}

/** The least value of the type: what padding must hold so that it never is a maximum. */
function least(emit: GraphModelEmitter, { dtype }: { dtype: string }): string {
  return dtype === 'int32' ? emit.scalar('int32', -(2 ** 31)) : emit.scalar('float32', -Infinity);
}

/** How many taps of each window lie inside the input, along one axis. */
function tapsInside({ input, output, size, stride, before }: WindowAxis): number[] {
  return Array.from({ length: output }, (_, i) => {
    const first = i * stride - before;
    return Math.min(input, first + size) - Math.max(0, first);
  });
}

/** For each window, times its size over the number of its taps inside the input. */
function timesWholeOverInside(emit: GraphModelEmitter, x: string, { rows, columns }: Window): string {
  const whole = rows.size * columns.size;
  const across = tapsInside(columns);
  const factors = tapsInside(rows).flatMap((down) => across.map((taps) => whole / (down * taps)));
  if (factors.every((factor) => factor === 1)) return x;
  return emit.op('Mul', [x, emit.constant('float32', [1, rows.output, columns.output, 1], factors)]);
}

function grownShape(shape: Shape, added: readonly [Margin, Margin] | null): Shape {
  if (added === null) return shape;
  const [batch, height, width, channels] = shape as readonly [Dim, Dim, Dim, Dim];
  const grow = (dim: Dim, [before, after]: Margin) => spatial(dim) + before + after;
  return [batch, grow(height, added[0]), grow(width, added[1]), channels];
}

function elementCount(shape: Shape): Dim {
  return shape.reduce((product, dim) => {
    if (!isSymbolic(dim)) return times(product, dim);
    if (isSymbolic(product)) refuse(`a size of ${printDim(product)} times ${printDim(dim)}`);
    return times(dim, product);
  }, 1);
}

/** Pooling and its gradients, NHWC. */
export const poolingLowerings = {
  AvgPool: (emit, node, [x]) => {
    const input = node.inputs[0]!.shape;
    const windows = poolWindow(node, input, node.outputs[0]!.shape);
    const added = margins(windows);
    if (added === null) return [emit.op('AvgPool', [x!], poolAttrs(windows))];
    const padded = padOrCrop(emit, x!, input, added, emit.scalar('float32', 0));
    const mean = emit.op('AvgPool', [padded], poolAttrs(windows));
    // The op has divided by the whole window; tfjs divides by the taps inside the input.
    return [timesWholeOverInside(emit, mean, windows)];
  },

  AvgPoolGrad: (emit, node, [dy]) => {
    const [output, input] = [node.inputs[0]!.shape, node.inputs[1]!.shape];
    const windows = poolWindow(node, input, output);
    const { size: height } = windows.rows;
    const { size: width } = windows.columns;
    const channels = spatial(input[3]!);
    const share = new Float32Array(height * width * channels).fill(1 / (height * width));
    const filter = emit.constant('float32', [height, width, channels, 1], share);
    return [transposedDepthwise(emit, timesWholeOverInside(emit, dy!, windows), output, filter, windows)];
  },

  MaxPool: (emit, node, [x]) => {
    const input = node.inputs[0]!;
    const windows = poolWindow(node, input.shape, node.outputs[0]!.shape);
    const added = margins(windows);
    const padded = added === null ? x! : padOrCrop(emit, x!, input.shape, added, least(emit, input));
    return [emit.op('MaxPool', [padded], poolAttrs(windows))];
  },

  // Each window's share goes to the position of its first maximum.
  MaxPoolGrad: (emit, node, [dy, x]) => {
    const [output, input] = [node.inputs[0]!.shape, node.inputs[1]!];
    const windows = poolWindow(node, input.shape, output);
    const added = margins(windows);
    const padded = added === null ? x! : padOrCrop(emit, x!, input.shape, added, least(emit, input));
    const shape = grownShape(input.shape, added);
    const argmaxAttrs = { ...poolAttrs(windows), include_batch_in_index: attr.bool(true) };
    const position = emit.ops('MaxPoolWithArgmax', [padded], argmaxAttrs, 2)[1]!;
    // A window of NaN or -Infinity alone has no maximum: its position is negative, and its share is lost.
    const found = emit.op('GreaterEqual', [position, emit.scalar('int32', 0)]);
    const share = select(emit, found, dy!, emit.scalar('float32', 0));
    const index = emit.op('Maximum', [position, emit.scalar('int32', 0)]);
    const flat = emit.op('ScatterNd', [
      emit.op('Reshape', [index, emit.ints([-1, 1])]),
      emit.op('Reshape', [share, emit.ints([-1])]),
      emit.dims([elementCount(shape)]),
    ]);
    const whole = emit.reshape(flat, shape);
    if (added === null) return [whole];
    const undo = ([before, after]: Margin): Margin => [-before, -after];
    const crop = [undo(added[0]), undo(added[1])] as const;
    return [padOrCrop(emit, whole, shape, crop, emit.scalar('float32', 0))];
  },
} satisfies Partial<GraphModelLowerings>;
