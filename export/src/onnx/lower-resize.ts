import type { Shape } from '../graph/ir.ts';
import {
  type Interpolation,
  interpolation,
  nearest,
  type ResizeMode,
  resizeMatrix,
} from '../kernels/resize-map.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { applyRowsAndColumns, transposed } from './separable-map.ts';

/**
 * Resizing of NHWC images. The sizes are static, so where each output row and column comes from is computed here,
 * with the arithmetic of tfjs's kernels, and only gathers, blends and matrix products are emitted: the coordinate
 * modes of ONNX's Resize agree with tfjs in some cases only, and Resize has no gradient.
 */
export const resizeLowerings = {
  ResizeBilinear: (emit, node, [images]) => {
    const { size } = node.attrs;
    const [, height, width] = node.inputs[0]!.shape as Shape4;
    const x = node.inputs[0]!.dtype === 'float32' ? images! : emit.cast(images!, 'float32');
    // Columns before rows: the order in which tfjs rounds.
    const columns = blend(emit, x, 2, width, interpolation(width, size[1], node.attrs));
    return [blend(emit, columns, 1, height, interpolation(height, size[0], node.attrs))];
  },

  ResizeNearestNeighbor: (emit, node, [images]) => {
    const { size } = node.attrs;
    const { dtype, shape } = node.inputs[0]!;
    const [, height, width] = shape as Shape4;
    const rows = take(emit, images!, 1, height, nearest(height, size[0], node.attrs));
    const y = take(emit, rows, 2, width, nearest(width, size[1], node.attrs));
    return [dtype === node.outputs[0]!.dtype ? y : emit.cast(y, node.outputs[0]!.dtype)];
  },

  ResizeBilinearGrad: (emit, node, [dy]) => [gradient(emit, dy!, 'bilinear', node)],

  ResizeNearestNeighborGrad: (emit, node, [dy]) => [gradient(emit, dy!, 'nearest', node)],
} satisfies Pick<
  OnnxLowerings,
  'ResizeBilinear' | 'ResizeBilinearGrad' | 'ResizeNearestNeighbor' | 'ResizeNearestNeighborGrad'
>;

type Shape4 = readonly [Shape[number], number, number, number];

/** Emits lower + (upper - lower) * fraction along an axis. */
function blend(emit: OnnxEmitter, x: string, axis: 1 | 2, length: number, map: Interpolation): string {
  const lower = take(emit, x, axis, length, map.lower);
  if (map.fraction.every((fraction) => fraction === 0)) return lower;
  const upper = take(emit, x, axis, length, map.upper);
  const shape = axis === 1 ? [map.fraction.length, 1, 1] : [map.fraction.length, 1];
  const fraction = emit.constant('float32', shape, map.fraction);
  return emit.op('Add', [lower, emit.op('Mul', [emit.op('Sub', [upper, lower]), fraction])]);
}

/** Emits a Gather along an axis of the given length; nothing when every cell stays in its place. */
function take(emit: OnnxEmitter, x: string, axis: 1 | 2, length: number, indices: readonly number[]): string {
  if (indices.length === length && indices.every((source, i) => source === i)) return x;
  return emit.op('Gather', [x, emit.ints(indices)], { axis });
}

/** Emits the transpose of the map from images to their resized form. */
function gradient(
  emit: OnnxEmitter,
  dy: string,
  kind: 'bilinear' | 'nearest',
  { inputs, attrs }: { readonly inputs: readonly { readonly shape: Shape }[]; readonly attrs: ResizeMode },
): string {
  const [, height, width] = inputs[1]!.shape as Shape4;
  const [batch, newHeight, newWidth, channels] = inputs[0]!.shape as Shape4;
  const along = (input: number, output: number) =>
    transposed({ rows: output, columns: input, data: resizeMatrix(kind, input, output, attrs) });
  const shape = [batch, newHeight, newWidth, channels] as const;
  return applyRowsAndColumns(emit, dy, shape, along(height, newHeight), along(width, newWidth));
}
