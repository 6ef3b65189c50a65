import type { Shape } from '../graph/ir.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';

/** Batch normalisation (inference form) and local response normalisation, NHWC. */
export const normalisationLowerings = {
  // y = (x - mean) * scale / sqrt(variance + epsilon) + offset, the statistics broadcast over the leading axes.
  FusedBatchNorm: (emit, node, [x, mean, variance, offset, scale]) => {
    const epsilon = emit.scalar('float32', node.attrs.varianceEpsilon ?? 0.001);
    const deviation = emit.op('Sqrt', [emit.op('Add', [variance!, epsilon])]);
    const gain = emit.op('Div', [scale!, deviation]);
    const centred = emit.op('Sub', [x!, mean!]);
    return [emit.op('Add', [emit.op('Mul', [centred, gain]), offset!])];
  },

  // y = x * norm^-beta, where norm = bias + alpha * (sum of x^2 over the channels within depthRadius).
  LRN: (emit, node, [x]) => {
    const norm = neighbourhoodNorm(emit, x!, node.inputs[0]!.shape, node.attrs);
    return [emit.op('Mul', [x!, emit.op('Pow', [norm, emit.scalar('float32', -node.attrs.beta)])])];
  },

  // dx = dy * norm^-beta - 2 alpha beta x * (sum over the neighbouring channels of dy * y / norm).
  LRNGrad: (emit, node, [x, y, dy]) => {
    const { alpha, beta, depthRadius } = node.attrs;
    const shape = node.inputs[0]!.shape;
    const norm = neighbourhoodNorm(emit, x!, shape, node.attrs);
    const own = emit.op('Mul', [dy!, emit.op('Pow', [norm, emit.scalar('float32', -beta)])]);
    const shares = emit.op('Div', [emit.op('Mul', [dy!, y!]), norm]);
    const summed = neighbourhoodSum(emit, shares, shape, depthRadius);
    const scaled = emit.op('Mul', [x!, emit.scalar('float32', -2 * alpha * beta)]);
    return [emit.op('Add', [own, emit.op('Mul', [scaled, summed])])];
  },
} satisfies Pick<OnnxLowerings, 'FusedBatchNorm' | 'LRN' | 'LRNGrad'>;

function neighbourhoodNorm(
  emit: OnnxEmitter,
  x: string,
  shape: Shape,
  attrs: { readonly depthRadius: number; readonly bias: number; readonly alpha: number },
): string {
  const squares = emit.op('Mul', [x, x]);
  const sums = neighbourhoodSum(emit, squares, shape, attrs.depthRadius);
  const scaled = emit.op('Mul', [sums, emit.scalar('float32', attrs.alpha)]);
  return emit.op('Add', [scaled, emit.scalar('float32', attrs.bias)]);
}

/**
 * For each channel the sum over the channels within `radius`, as the convolution with a row of ones of images that have
 * a row for each pixel and a column for each channel: no transpose, on every execution provider, and an infinity is
 * added to its neighbours only (a matrix of ones and zeros would make it NaN everywhere; ONNX's own LRN is NCHW, without
 * gradient).
 */
function neighbourhoodSum(emit: OnnxEmitter, x: string, shape: Shape, radius: number): string {
  const [batch, height, width, channels] = shape as readonly [Shape[number], number, number, number];
  // Further neighbours than there are channels would only be padding.
  const reach = Math.min(radius, channels - 1);
  const size = 2 * reach + 1;
  const ones = emit.constant('float32', [1, 1, 1, size], new Float32Array(size).fill(1));
  const rows = emit.reshape(x, [batch, 1, height * width, channels]);
  const sums = emit.op('Conv', [rows, ones], {
    kernel_shape: [1, size],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [0, reach, 0, reach],
    group: 1,
  });
  return emit.reshape(sums, shape);
}
