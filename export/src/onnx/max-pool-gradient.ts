import type { Shape } from '../graph/ir.ts';
import type { OnnxEmitter } from './lowering.ts';
import { cellsUnder, padImages, type Windows } from './window-geometry.ts';

/**
 * The gradient goes to the first maximum of each window (in row-major order), and windows that overlap add.
 *
 * For each cell (i, j) of the window, a strided slice of the input holds that cell of every window. `remaining`
 * starts as dy and loses what was given away, so ties go to the first. The shares of the cells whose offsets agree
 * modulo the stride land on the same phase of the input's grid: they are shifted, added, and the phases interleaved.
 * ONNX has no operator for this; MaxPool's indices are int64, which the WebGPU provider computes on the CPU.
 *
 * @param shape of the pooled input `x`, NHWC; `y` is the pooling's output and `dy` the gradient of it
 * @returns the name of the gradient of `x`
 */
export function maxPoolGradient(
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
  return unpadded(emit, full, [rows * h.stride, columns], [h, w]);
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
function unpadded(emit: OnnxEmitter, full: string, size: Pair, axes: Windows): string {
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
