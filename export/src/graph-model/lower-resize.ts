import type { Dim } from '../graph/ir.ts';
import { type ResizeMode, resizeMatrix } from '../kernels/resize-map.ts';
import type { GraphModelEmitter, GraphModelLowerings } from './lowering.ts';
import { type Attrs, attr } from './node-def.ts';
import { spatial } from './window.ts';

const resizeAttrs = ({ alignCorners, halfPixelCenters }: ResizeMode): Attrs => ({
  align_corners: attr.bool(alignCorners),
  half_pixel_centers: attr.bool(halfPixelCenters ?? false),
});

/** The transpose, [inputs, outputs], of resizing along one axis. */
function transposed(
  kind: 'bilinear' | 'nearest',
  inputs: number,
  outputs: number,
  mode: ResizeMode,
): Float32Array {
  const matrix = resizeMatrix(kind, inputs, outputs, mode);
  return Float32Array.from(matrix, (_, i) => matrix[(i % outputs) * inputs + Math.floor(i / outputs)]!);
}

/** The gradient of a separable resize: one matrix product per axis. */
function resizeGradient(
  emit: GraphModelEmitter,
  dy: string,
  [from, to]: readonly { readonly shape: readonly Dim[] }[],
  kind: 'bilinear' | 'nearest',
  mode: ResizeMode,
): string {
  const [batch, ...sizes] = to!.shape as readonly [Dim, ...Dim[]];
  const [height, width, channels] = sizes.map(spatial) as [number, number, number];
  const [tall, wide] = [spatial(from!.shape[1]!), spatial(from!.shape[2]!)];
  const along = (inputs: number, outputs: number, x: string) => {
    const matrix = transposed(kind, inputs, outputs, mode);
    return emit.op('BatchMatMulV2', [emit.constant('float32', [1, inputs, outputs], matrix), x]);
  };
  const rows = along(height, tall, emit.reshape(dy, [batch, tall, wide * channels]));
  const perRow = emit.op('Reshape', [rows, emit.ints([-1, wide, channels])]);
  return emit.reshape(along(width, wide, perRow), [batch, height, width, channels]);
}

/** Resizing of images, NHWC, and its gradients. */
export const resizeLowerings = {
  ResizeBilinear: (emit, { attrs }, [images]) => [
    emit.op('ResizeBilinear', [images!, emit.ints(attrs.size)], resizeAttrs(attrs)),
  ],
  ResizeBilinearGrad: (emit, node, [dy]) => [resizeGradient(emit, dy!, node.inputs, 'bilinear', node.attrs)],
  ResizeNearestNeighbor: (emit, { attrs }, [images]) => [
    emit.op('ResizeNearestNeighbor', [images!, emit.ints(attrs.size)], resizeAttrs(attrs)),
  ],
  ResizeNearestNeighborGrad: (emit, node, [dy]) => [
    resizeGradient(emit, dy!, node.inputs, 'nearest', node.attrs),
  ],
} satisfies Partial<GraphModelLowerings>;
