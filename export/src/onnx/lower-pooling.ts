import type { KernelNode, Shape } from '../graph/ir.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { maxPoolGradient } from './max-pool-gradient.ts';
import { applyRowsAndColumns, type Matrix } from './separable-map.ts';
import {
  type AxisWindow,
  describe,
  keepLeading,
  slidingWindows,
  type WindowAttrs,
  type Windows,
} from './window-geometry.ts';

/** Average and maximum pooling and their gradients, NHWC. */
export const poolingLowerings = {
  AvgPool: (emit, node, [x]) => [pool(emit, node, x!, 'AveragePool', { count_include_pad: 0 })],

  MaxPool: (emit, node, [x]) => {
    if (node.inputs[0]!.dtype === 'float32') return [pool(emit, node, x!, 'MaxPool', {})];
    // MaxPool has no int32 kernel; a double holds every int32 exactly, and float32 integers up to 2^24 only.
    const y = pool(emit, node, emit.cast(x!, 'float64'), 'MaxPool', {});
    return [emit.cast(y, node.inputs[0]!.dtype)];
  },

  // Every window spreads its dy evenly over those of its cells that lie in the image, as the mean is of those.
  AvgPoolGrad: (emit, node, [dy]) => {
    const dyShape = node.inputs[0]!.shape as Shape4;
    const [h, w] = poolWindows(node, node.inputs[1]!.shape, node.attrs, dyShape);
    return [applyRowsAndColumns(emit, dy!, dyShape, spread(h), spread(w))];
  },

  MaxPoolGrad: (emit, node, [dy, input, output]) => {
    const windows = poolWindows(node, node.inputs[1]!.shape, node.attrs, node.inputs[0]!.shape);
    const [x, y] = [input!, output!].map((name, i) =>
      node.inputs[1 + i]!.dtype === 'float32' ? name : emit.cast(name, 'float32'),
    );
    return [maxPoolGradient(emit, node.inputs[1]!.shape, windows, dy!, x!, y!)];
  },
} satisfies Pick<OnnxLowerings, 'AvgPool' | 'AvgPoolGrad' | 'MaxPool' | 'MaxPoolGrad'>;

type Shape4 = readonly [Shape[number], number, number, number];
type PoolKernel = 'AvgPool' | 'AvgPoolGrad' | 'MaxPool' | 'MaxPoolGrad';
interface PoolAttrs extends WindowAttrs {
  readonly filterSize: [number, number] | number;
}

function pool(
  emit: OnnxEmitter,
  node: KernelNode<'AvgPool'> | KernelNode<'MaxPool'>,
  x: string,
  type: 'AveragePool' | 'MaxPool',
  attrs: Record<string, number>,
): string {
  const windows = poolWindows(node, node.inputs[0]!.shape, node.attrs);
  const [h, w] = windows;
  // The pooling rounds down, so fewer unread cells than a stride do no harm; more would add windows.
  const cuts = windows.map(({ input, after, stride }, i) => ({
    axis: 1 + i,
    has: input,
    keep: -after >= stride ? input + after : input,
  }));
  const y = emit.op(type, [emit.transpose(keepLeading(emit, x, cuts), [0, 3, 1, 2])], {
    kernel_shape: [h.filter, w.filter],
    strides: [h.stride, w.stride],
    pads: [h.before, w.before, Math.max(0, h.after), Math.max(0, w.after)],
    ceil_mode: 0,
    ...attrs,
  });
  return emit.transpose(y, [0, 2, 3, 1]);
}

/** The matrix [input, output] with 1 / (cells covered) where the window `output` covers the cell `input`. */
function spread({ input, output, filter, stride, before }: AxisWindow): Matrix {
  const data = new Float32Array(input * output);
  for (let y = 0; y < output; y++) {
    const first = Math.max(0, y * stride - before);
    const end = Math.min(input, y * stride - before + filter);
    for (let cell = first; cell < end; cell++) data[cell * output + y] = 1 / (end - first);
  }
  return { rows: input, columns: output, data };
}

function poolWindows(
  node: KernelNode<PoolKernel>,
  shape: Shape,
  attrs: PoolAttrs,
  outputShape?: Shape,
): Windows {
  const [height, width] =
    typeof attrs.filterSize === 'number' ? [attrs.filterSize, attrs.filterSize] : attrs.filterSize;
  const windows = slidingWindows(shape, [height, width], attrs, outputShape);
  for (const { before, after, filter } of windows) {
    if (before < filter && after < filter) continue;
    throw new Error(
      `${describe(node)}: padding of ${before} and ${after} cells with a window of ${filter} leaves windows without a single cell; pad by less than the window`,
    );
  }
  return windows;
}
