import { type Dim, isSymbolic, printDim, type Shape } from '../graph/ir.ts';
import { pairs } from './lower-shape.ts';
import { type GraphModelEmitter, refuse } from './lowering.ts';
import { type Attrs, type AttrValue, attr } from './node-def.ts';

/** How a window moves along one spatial axis. */
export interface WindowAxis {
  /** Length of the input and of the output along the axis. */
  readonly input: number;
  readonly output: number;
  /** Taps of the window, how far it moves, how far apart its taps are. */
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the axis. */
  readonly before: number;
  /** What the last window needs past the end; negative when windows leave the end untouched. */
  readonly after: number;
}

/** Padding as convolution and pooling kernels take it. */
export type Pad = 'valid' | 'same' | number | readonly (readonly [number, number])[];
type Pair = readonly [number, number] | number;

export interface Window {
  readonly rows: WindowAxis;
  readonly columns: WindowAxis;
  readonly pad: Pad;
}

/**
 * The window of a convolution or pooling from `input` to `output`, both NHWC, as tfjs's conv_util lays it out.
 * The output's size is given, so the rounding mode that led to it does not matter here.
 */
export function window(
  input: Shape,
  output: Shape,
  { size, strides, dilations = 1, pad }: { size: Pair; strides: Pair; dilations?: Pair; pad: Pad },
): Window {
  const along = (axis: 0 | 1): WindowAxis => {
    const [from, to] = [spatial(input[axis + 1]!), spatial(output[axis + 1]!)];
    const [taps, stride, dilation] = [at(size, axis), at(strides, axis), at(dilations, axis)];
    const reach = (to - 1) * stride + (taps - 1) * dilation + 1;
    const before = padBefore(pad, axis, reach - from);
    return { input: from, output: to, size: taps, stride, dilation, before, after: reach - from - before };
  };
  return { rows: along(0), columns: along(1), pad };
}

function padBefore(pad: Pad, axis: 0 | 1, missing: number): number {
  if (typeof pad === 'number') return pad;
  if (pad === 'same') return Math.floor(Math.max(0, missing) / 2);
  return pad === 'valid' ? 0 : pad[axis + 1]![0];
}

/** The entry of a pair for an axis; a number stands for two equal ones. */
export function at(pair: Pair, axis: 0 | 1): number {
  return typeof pair === 'number' ? pair : pair[axis];
}

/** A spatial size as a number. */
export function spatial(dim: Dim): number {
  if (isSymbolic(dim)) refuse(`an image's size is ${printDim(dim)}: height and width must be fixed`);
  return dim;
}

/** A dimension times a number. */
export function times(dim: Dim, factor: number): Dim {
  return isSymbolic(dim) ? { scale: dim.scale * factor, offset: dim.offset * factor } : dim * factor;
}

/**
 * What to add past the end for the windows to come out as many as they are. Where they leave the end untouched that
 * is nothing, as no further window fits, unless a whole stride is left: then the end must go.
 */
export function marginAfter({ after, stride }: WindowAxis): number {
  return after > -stride ? Math.max(0, after) : after;
}

/** Refuses the layout that the ops of GraphModel do not take. */
export function requireNhwc(dataFormat: string | undefined): void {
  if (dataFormat !== undefined && dataFormat !== 'NHWC') refuse(`data format ${dataFormat}: use NHWC`);
}

/** Strides, dilations and padding as attributes of a convolution op. */
export function convolutionAttrs({ rows, columns, pad }: Window): Attrs {
  const attrs: Record<string, AttrValue> = {
    strides: attr.ints([1, rows.stride, columns.stride, 1]),
    dilations: attr.ints([1, rows.dilation, columns.dilation, 1]),
    data_format: attr.string('NHWC'),
  };
  if (pad === 'same' || pad === 'valid') return { ...attrs, padding: attr.string(pad.toUpperCase()) };
  const sides = [rows, columns].flatMap((axis) => [axis.before, marginAfter(axis)]);
  return {
    ...attrs,
    padding: attr.string('EXPLICIT'),
    explicit_paddings: attr.ints([0, 0, ...sides, 0, 0]),
  };
}

/** Attributes of a convolution that takes its input as it is: no padding. */
export function validConvolution(dilations: Pair = 1): Attrs {
  return {
    strides: attr.ints([1, 1, 1, 1]),
    dilations: attr.ints([1, at(dilations, 0), at(dilations, 1), 1]),
    data_format: attr.string('NHWC'),
    padding: attr.string('VALID'),
  };
}

/** Elements to add before and after an axis; negative to take away. */
export type Margin = readonly [before: number, after: number];

/** Pads (with `value`) or crops height and width of an NHWC tensor of this shape. */
export function padOrCrop(
  emit: GraphModelEmitter,
  x: string,
  shape: Shape,
  [rows, columns]: readonly [Margin, Margin],
  value: string,
): string {
  const margins = [[0, 0], rows, columns, [0, 0]] as const;
  const added = margins.map((sides) => sides.map((side) => Math.max(0, side)));
  const padded = added.flat().some((side) => side > 0) ? emit.op('PadV2', [x, pairs(emit, added), value]) : x;
  if (!margins.flat().some((side) => side < 0)) return padded;
  const begin = margins.map(([before]) => Math.max(0, -before));
  const sizes = margins.map(([before, after], axis) =>
    axis === 1 || axis === 2 ? spatial(shape[axis]!) + before + after : -1,
  );
  return emit.op('Slice', [padded, emit.ints(begin), emit.ints(sizes)]);
}
