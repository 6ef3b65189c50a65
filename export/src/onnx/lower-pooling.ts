import type { KernelNode, Shape } from '../graph/ir.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { applyRowsAndColumns, type Matrix } from './separable-map.ts';
import {
  type AxisWindow,
  cellsUnder,
  describe,
  keepLeading,
  padImages,
  slidingWindows,
  type WindowAttrs,
  type Windows,
} from './window-geometry.ts';

/** Average and maximum pooling and their gradients, NHWC. */
export const poolingLowerings = {
  AvgPool: (emit, node, [x]) => [pool(emit, node, x!, 'AveragePool', { count_include_pad: 0 })],

  MaxPool: (emit, node, [x]) => {
    if (node.inputs[0]!.dtype === 'float32') return [pool(emit, node, x!, 'MaxPool', {})];
    // MaxPool has no int32 kernel; float32 holds integers up to 2^24 exactly.
    const y = pool(emit, node, emit.cast(x!, 'float32'), 'MaxPool', {});
    return [emit.cast(y, node.inputs[0]!.dtype)];
  },

  // Every window spreads dy / (filter area) over its cells, at the border too: tfjs counts the padding here,
  // although its AvgPool does not.
  AvgPoolGrad: (emit, node, [dy]) => {
    const { filterSize, strides, pad } = node.attrs;
    // tfjs forgets `dimRoundingMode` here, and reads only the windows that rounding down gives.
    const windows = poolWindows(node, node.inputs[1]!.shape, { filterSize, strides, pad });
    const [batch, height, width, channels] = node.inputs[0]!.shape as Shape4;
    const [h, w] = windows;
    const kept = keepLeading(emit, dy!, [
      { axis: 1, has: height, keep: h.output },
      { axis: 2, has: width, keep: w.output },
    ]);
    const shape = [batch, h.output, w.output, channels] as const;
    return [applyRowsAndColumns(emit, kept, shape, spread(h), spread(w))];
  },

  MaxPoolGrad: (emit, node, [dy, input, output]) => {
    const windows = poolWindows(node, node.inputs[1]!.shape, node.attrs);
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

/**
 * The gradient goes to the first maximum of each window (in row-major order), and windows that overlap add.
 *
 * For each cell (i, j) of the window, a strided slice of the input holds that cell of every window. `remaining`
 * starts as dy and loses what was given away, so ties go to the first. The shares of the cells whose offsets agree
 * modulo the stride land on the same phase of the input's grid: they are shifted, added, and the phases interleaved.
 */
function maxPoolGradient(
  emit: OnnxEmitter,
  shape: Shape,
  [h, w]: Windows,
  dy: string,
  x: string,
  y: string,
): string {
  const channels = shape[3] as number;
  const padded = padImages(emit, x, [h, w], emit.scalar('float32', -Infinity));
  const zero = emit.scalar('float32', 0);
  const turns = { rows: Math.ceil(h.filter / h.stride), columns: Math.ceil(w.filter / w.stride) };
  const phases: string[][] = [];
  let remaining = dy;
  for (let i = 0; i < h.filter; i++) {
    for (let j = 0; j < w.filter; j++) {
      const cell = cellsUnder(emit, padded, [h, w], i, j);
      const isMaximum = emit.op('Equal', [cell, y]);
      const share = emit.op('Where', [isMaximum, remaining, zero]);
      const isLast = i === h.filter - 1 && j === w.filter - 1;
      if (!isLast) remaining = emit.op('Where', [isMaximum, zero, remaining]);
      const shift: Pair = [Math.floor(i / h.stride), Math.floor(j / w.stride)];
      const rest: Pair = [turns.rows - 1 - shift[0], turns.columns - 1 - shift[1]];
      const placed = pad(emit, share, shift, rest, zero);
      phases[i % h.stride] ??= [];
      const row = phases[i % h.stride]!;
      const column = j % w.stride;
      row[column] = row[column] === undefined ? placed : emit.op('Add', [row[column], placed]);
    }
  }
  const rows = h.output + turns.rows - 1;
  const columns = (w.output + turns.columns - 1) * w.stride;
  const interleavedColumns = phases.map((row) =>
    interleave(emit, row, w.stride, channels, 3, [shape[0]!, rows, columns, channels]),
  );
  const full = interleave(emit, interleavedColumns, h.stride, columns, 2, [
    shape[0]!,
    rows * h.stride,
    columns,
    channels,
  ]);
  return window(emit, full, [rows * h.stride, columns], [h, w]);
}

type Pair = readonly [number, number];

/** Weaves the phases along an axis: joined along the axis inside it, where a reshape makes them neighbours. */
function interleave(
  emit: OnnxEmitter,
  phases: readonly string[],
  stride: number,
  inner: number,
  innerAxis: 2 | 3,
  shape: Shape,
): string {
  if (stride === 1) return phases[0]!;
  let joined = phases.length === 1 ? phases[0]! : emit.op('Concat', phases, { axis: innerAxis });
  // A stride longer than the filter leaves phases that no window reads.
  const missing = (stride - phases.length) * inner;
  if (missing > 0) {
    const after = innerAxis === 3 ? [0, 0, 0, missing] : [0, 0, missing, 0];
    joined = emit.op('Pad', [joined, emit.ints([0, 0, 0, 0, ...after])], { mode: 'constant' });
  }
  return emit.reshape(joined, shape);
}

/** From the padded grid to the input's own cells; cells behind the last window get zeros. */
function window(emit: OnnxEmitter, full: string, size: Pair, axes: Windows): string {
  const ends = axes.map(({ before, input }, i) => Math.min(before + input, size[i]!));
  const whole = axes.every(({ before }, i) => before === 0 && ends[i] === size[i]);
  const cut = whole
    ? full
    : emit.op('Slice', [
        full,
        emit.ints(axes.map(({ before }) => before)),
        emit.ints(ends),
        emit.ints([1, 2]),
      ]);
  const [rows, columns] = axes.map(({ before, input }, i) => before + input - ends[i]!) as [number, number];
  return pad(emit, cut, [0, 0], [rows, columns], emit.scalar('float32', 0));
}

/** Pads rows and columns of an NHWC tensor; negative amounts count as none. */
function pad(emit: OnnxEmitter, x: string, before: Pair, after: Pair, value: string): string {
  const amounts = [...before, ...after].map((cells) => Math.max(0, cells));
  const [top, left, bottom, right] = amounts as [number, number, number, number];
  if (amounts.every((cells) => cells === 0)) return x;
  return emit.op('Pad', [x, emit.ints([0, top, left, 0, 0, bottom, right, 0]), value], { mode: 'constant' });
}

/** The matrix [input, output] with 1 / filter where the window `output` covers the cell `input`. */
function spread({ input, output, filter, stride, before }: AxisWindow): Matrix {
  const data = new Float32Array(input * output);
  for (let y = 0; y < output; y++) {
    for (let i = 0; i < filter; i++) {
      const cell = y * stride + i - before;
      if (cell >= 0 && cell < input) data[cell * output + y] = 1 / filter;
    }
  }
  return { rows: input, columns: output, data };
}

function poolWindows(node: KernelNode<PoolKernel>, shape: Shape, attrs: PoolAttrs): Windows {
  const [height, width] =
    typeof attrs.filterSize === 'number' ? [attrs.filterSize, attrs.filterSize] : attrs.filterSize;
  const windows = slidingWindows(shape, [height, width], attrs);
  for (const { before, after, filter } of windows) {
    if (before < filter && after < filter) continue;
    throw new Error(
      `${describe(node)}: padding of ${before} and ${after} cells with a window of ${filter} leaves windows without a single cell; pad by less than the window`,
    );
  }
  return windows;
}
