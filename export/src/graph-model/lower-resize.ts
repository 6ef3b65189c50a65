import type { Dim } from '../graph/ir.ts';
import type { GraphModelEmitter, GraphModelLowerings } from './lowering.ts';
import { type Attrs, attr } from './node-def.ts';
import { spatial } from './window.ts';

interface ResizeAttrs {
  readonly alignCorners: boolean;
  readonly halfPixelCenters?: boolean;
}

const resizeAttrs = ({ alignCorners, halfPixelCenters }: ResizeAttrs): Attrs => ({
  align_corners: attr.bool(alignCorners),
  half_pixel_centers: attr.bool(halfPixelCenters ?? false),
});

/** Writes the weights with which one output sample reads the inputs along its axis. */
type Sampler = (source: number, inputs: number, add: (input: number, weight: number) => void) => void;

const bilinear: Sampler = (source, inputs, add) => {
  const low = Math.floor(source);
  const fraction = source - low;
  add(low, 1 - fraction);
  add(Math.min(Math.ceil(source), inputs - 1), fraction);
};

function nearest(alignCorners: boolean): Sampler {
  return (source, inputs, add) =>
    add(Math.min(inputs - 1, alignCorners ? Math.round(source) : Math.floor(source)), 1);
}

/** The transpose, [inputs, outputs], of resizing along one axis; as tfjs's gradient kernels, without half pixels. */
function transposed(inputs: number, outputs: number, alignCorners: boolean, sample: Sampler): Float32Array {
  const matrix = new Float32Array(inputs * outputs);
  const corners = alignCorners && outputs > 1;
  const scale = corners ? (inputs - 1) / (outputs - 1) : inputs / outputs;
  for (let output = 0; output < outputs; output++) {
    sample(output * scale, inputs, (input, weight) => {
      matrix[input * outputs + output]! += weight;
    });
  }
  return matrix;
}

/** The gradient of a separable resize: one matrix product per axis. */
function resizeGradient(
  emit: GraphModelEmitter,
  dy: string,
  [from, to]: readonly { readonly shape: readonly Dim[] }[],
  alignCorners: boolean,
  sample: Sampler,
): string {
  const [batch, ...sizes] = to!.shape as readonly [Dim, ...Dim[]];
  const [height, width, channels] = sizes.map(spatial) as [number, number, number];
  const [tall, wide] = [spatial(from!.shape[1]!), spatial(from!.shape[2]!)];
  const along = (inputs: number, outputs: number, x: string) => {
    const matrix = transposed(inputs, outputs, alignCorners, sample);
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
  ResizeBilinearGrad: (emit, node, [dy]) => [
    resizeGradient(emit, dy!, node.inputs, node.attrs.alignCorners, bilinear),
  ],
  ResizeNearestNeighbor: (emit, { attrs }, [images]) => [
    emit.op('ResizeNearestNeighbor', [images!, emit.ints(attrs.size)], resizeAttrs(attrs)),
  ],
  ResizeNearestNeighborGrad: (emit, node, [dy]) => [
    resizeGradient(emit, dy!, node.inputs, node.attrs.alignCorners, nearest(node.attrs.alignCorners)),
  ],
} satisfies Partial<GraphModelLowerings>;
