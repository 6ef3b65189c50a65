import { type Dim, isSymbolic, type KernelNode, type Shape } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { at } from '../trace/errors.ts';
import type { OnnxEmitter } from './lowering.ts';

/** How a window slides along one spatial axis; all sizes in cells of that axis. */
export interface AxisWindow {
  readonly input: number;
  readonly output: number;
  readonly filter: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first cell. */
  readonly before: number;
  /** Cells that the last window reads past the end; negative when trailing cells are never read. */
  readonly after: number;
}

/** Vertical, then horizontal. */
export type Windows = readonly [AxisWindow, AxisWindow];

/** The attributes that convolutions and poolings share, as tfjs names them. */
export interface WindowAttrs {
  readonly strides: [number, number] | number;
  readonly pad: tf.Conv2DAttrs['pad'];
  readonly dilations?: [number, number] | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dataFormat?: 'NHWC' | 'NCHW';
}

/**
 * The two windows of a convolution or pooling, with tfjs's own padding arithmetic (`same` is asymmetric when
 * strided; explicit paddings; rounding modes). The batch size plays no part and may be symbolic.
 *
 * @param inputShape the convolution's input, in the layout of `attrs.dataFormat` (NHWC by default)
 * @param filterSize height and width of the filter
 * @param outputShape the output's shape, for gradients: tfjs drops the rounding mode there, so that the number of
 *   windows can only be read off the gradient that comes in
 * @throws when a spatial dimension or the channel count depends on the batch size
 */
export function slidingWindows(
  inputShape: Shape,
  filterSize: readonly [number, number],
  attrs: WindowAttrs,
  outputShape?: Shape,
): Windows {
  const shape = spatialShape(inputShape);
  const output = outputShape === undefined ? null : spatialShape(outputShape);
  const firstSpatial = attrs.dataFormat === 'NCHW' ? 2 : 1;
  const format = attrs.dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast';
  const channels = attrs.dataFormat === 'NCHW' ? shape[1] : shape[3];
  const info = tf.backend_util.computeConv2DInfo(
    shape,
    [...filterSize, channels, channels],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    false,
    format,
  );
  const axis = (
    input: number,
    output: number,
    filter: number,
    stride: number,
    dilation: number,
    before: number,
  ): AxisWindow => {
    const after = (output - 1) * stride + (filter - 1) * dilation + 1 - input - before;
    return { input, output, filter, stride, dilation, before, after };
  };
  return [
    axis(
      info.inHeight,
      output?.[firstSpatial] ?? info.outHeight,
      info.filterHeight,
      info.strideHeight,
      info.dilationHeight,
      info.padInfo.top,
    ),
    axis(
      info.inWidth,
      output?.[firstSpatial + 1] ?? info.outWidth,
      info.filterWidth,
      info.strideWidth,
      info.dilationWidth,
      info.padInfo.left,
    ),
  ];
}

/**
 * Emits a Slice that keeps the first cells of some axes; `x` itself where nothing is cut.
 *
 * @param cuts per axis: what the tensor has, and how much of it to keep
 */
export function keepLeading(
  emit: OnnxEmitter,
  x: string,
  cuts: readonly { axis: number; has: number; keep: number }[],
): string {
  const real = cuts.filter(({ has, keep }) => keep < has);
  if (real.length === 0) return x;
  return emit.op('Slice', [
    x,
    emit.ints(real.map(() => 0)),
    emit.ints(real.map(({ keep }) => keep)),
    emit.ints(real.map(({ axis }) => axis)),
  ]);
}

/** Emits a Pad of the rows and columns that the windows read beyond the image; `fill` defaults to zero. */
export function padImages(emit: OnnxEmitter, x: string, [h, w]: Windows, fill?: string): string {
  const [bottom, right] = [Math.max(0, h.after), Math.max(0, w.after)];
  if (h.before + w.before + bottom + right === 0) return x;
  const amounts = emit.ints([0, h.before, w.before, 0, 0, bottom, right, 0]);
  return emit.op('Pad', fill === undefined ? [x, amounts] : [x, amounts, fill], { mode: 'constant' });
}

/** Emits the slice of padded NHWC images that lies under the filter's cell (row, column), at every window position. */
export function cellsUnder(
  emit: OnnxEmitter,
  padded: string,
  [h, w]: Windows,
  row: number,
  column: number,
): string {
  const [i, j] = [row * h.dilation, column * w.dilation];
  return emit.op('Slice', [
    padded,
    emit.ints([i, j]),
    emit.ints([i + (h.output - 1) * h.stride + 1, j + (w.output - 1) * w.stride + 1]),
    emit.ints([1, 2]),
    emit.ints([h.stride, w.stride]),
  ]);
}

/** The dimension times a number. */
export function times(dim: Dim, factor: number): Dim {
  return isSymbolic(dim) ? { scale: dim.scale * factor, offset: dim.offset * factor } : dim * factor;
}

/** Where the user called the op, for error messages. */
export function describe(node: KernelNode): string {
  return `${node.kernel}${at(node.where)}`;
}

/** The four dimensions of an image tensor with 1 in place of a symbolic batch size. */
function spatialShape(shape: Shape): [number, number, number, number] {
  if (shape.length !== 4) throw new Error(`expected an image tensor of rank 4, got rank ${shape.length}`);
  const [, ...rest] = shape;
  const numbers = rest.map((dim) => {
    if (isSymbolic(dim))
      throw new Error('only the first dimension of an image tensor may depend on the batch size');
    return dim;
  });
  return [1, ...(numbers as [number, number, number])];
}
