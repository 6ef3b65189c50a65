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
    const summed = emit.op('MatMul', [shares, band(emit, channelCount(shape), depthRadius)]);
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
  const sums = emit.op('MatMul', [squares, band(emit, channelCount(shape), attrs.depthRadius)]);
  const scaled = emit.op('Mul', [sums, emit.scalar('float32', attrs.alpha)]);
  return emit.op('Add', [scaled, emit.scalar('float32', attrs.bias)]);
}

/**
 * The matrix [channels, channels] with ones where two channels lie within `radius`. A matrix product with it sums
 * over the neighbourhood without leaving NHWC, on every execution provider (ONNX's own LRN is NCHW, without gradient).
 */
function band(emit: OnnxEmitter, channels: number, radius: number): string {
  const data = new Float32Array(channels * channels);
  for (let i = 0; i < channels; i++) {
    for (let j = 0; j < channels; j++) data[i * channels + j] = Math.abs(i - j) <= radius ? 1 : 0;
  }
  return emit.constant('float32', [channels, channels], data);
}

function channelCount(shape: Shape): number {
  return shape[3] as number;
}
