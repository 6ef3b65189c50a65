import type { Shape } from '../graph/ir.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { applyRowsAndColumns, type Matrix, transposed } from './separable-map.ts';

/**
 * Resizing of NHWC images. The sizes are static, so where each output row and column comes from is computed here,
 * with the arithmetic of tfjs's kernels, and only gathers, blends and matrix products are emitted: the coordinate
 * modes of ONNX's Resize agree with tfjs in some cases only, and Resize has no gradient.
 *
 * The gradients ignore `halfPixelCenters`, as the kernels of tfjs do on all its backends.
 */
export const resizeLowerings = {
  ResizeBilinear: (emit, node, [images]) => {
    const { size, alignCorners, halfPixelCenters } = node.attrs;
    const [, height, width] = node.inputs[0]!.shape as Shape4;
    const x = node.inputs[0]!.dtype === 'float32' ? images! : emit.cast(images!, 'float32');
    // Columns before rows: the order in which tfjs rounds.
    const columns = blend(emit, x, 2, width, interpolation(width, size[1], alignCorners, halfPixelCenters));
    return [blend(emit, columns, 1, height, interpolation(height, size[0], alignCorners, halfPixelCenters))];
  },

  ResizeNearestNeighbor: (emit, node, [images]) => {
    const { size, alignCorners, halfPixelCenters } = node.attrs;
    const { dtype, shape } = node.inputs[0]!;
    const [, height, width] = shape as Shape4;
    const rows = take(emit, images!, 1, height, nearest(height, size[0], alignCorners, halfPixelCenters));
    const y = take(emit, rows, 2, width, nearest(width, size[1], alignCorners, halfPixelCenters));
    return [dtype === node.outputs[0]!.dtype ? y : emit.cast(y, node.outputs[0]!.dtype)];
  },

  ResizeBilinearGrad: (emit, node, [dy]) => {
    const weights = (input: number, output: number) => {
      const { lower, upper, fraction } = interpolation(input, output, node.attrs.alignCorners, false);
      const data = new Float32Array(output * input);
      for (let i = 0; i < output; i++) {
        data[i * input + lower[i]!]! += 1 - fraction[i]!;
        data[i * input + upper[i]!]! += fraction[i]!;
      }
      return { rows: output, columns: input, data };
    };
    return [applyTransposed(emit, dy!, node.inputs[0]!.shape, node.inputs[1]!.shape, weights)];
  },

  ResizeNearestNeighborGrad: (emit, node, [dy]) => {
    const weights = (input: number, output: number) => {
      const data = new Float32Array(output * input);
      for (const [i, source] of nearest(input, output, node.attrs.alignCorners, false).entries()) {
        data[i * input + source] = 1;
      }
      return { rows: output, columns: input, data };
    };
    return [applyTransposed(emit, dy!, node.inputs[0]!.shape, node.inputs[1]!.shape, weights)];
  },
} satisfies Pick<
  OnnxLowerings,
  'ResizeBilinear' | 'ResizeBilinearGrad' | 'ResizeNearestNeighbor' | 'ResizeNearestNeighborGrad'
>;

type Shape4 = readonly [Shape[number], number, number, number];

interface Interpolation {
  readonly lower: number[];
  readonly upper: number[];
  /** Weight of `upper`; that of `lower` is the rest. */
  readonly fraction: number[];
}

/** Cells of the source per cell of the result. */
function sourceScale(input: number, output: number, alignCorners: boolean): number {
  return alignCorners && output > 1 ? (input - 1) / (output - 1) : input / output;
}

function interpolation(
  input: number,
  output: number,
  alignCorners: boolean,
  halfPixelCenters: boolean,
): Interpolation {
  const scale = sourceScale(input, output, alignCorners);
  const source = Array.from({ length: output }, (_, i) =>
    halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i,
  );
  const lower = source.map((at) => Math.max(0, Math.floor(at)));
  const upper = source.map((at) => Math.max(0, Math.min(input - 1, Math.ceil(at))));
  return { lower, upper, fraction: source.map((at, i) => (lower[i] === upper[i] ? 0 : at - lower[i]!)) };
}

function nearest(input: number, output: number, alignCorners: boolean, halfPixelCenters: boolean): number[] {
  const scale = sourceScale(input, output, alignCorners);
  return Array.from({ length: output }, (_, i) => {
    const at = halfPixelCenters ? scale * (i + 0.5) : scale * i;
    return Math.max(0, Math.min(input - 1, alignCorners ? Math.round(at) : Math.floor(at)));
  });
}

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

/** Emits the transpose of the map from images to their resized form; `weights` gives one axis of that map. */
function applyTransposed(
  emit: OnnxEmitter,
  dy: string,
  dyShape: Shape,
  imageShape: Shape,
  weights: (input: number, output: number) => Matrix,
): string {
  const [, height, width] = imageShape as Shape4;
  const [batch, newHeight, newWidth, channels] = dyShape as Shape4;
  const vertical = transposed(weights(height, newHeight));
  const horizontal = transposed(weights(width, newWidth));
  return applyRowsAndColumns(emit, dy, [batch, newHeight, newWidth, channels], vertical, horizontal);
}
