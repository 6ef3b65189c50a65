import type { GraphModelLowerings } from './lowering.ts';
import type { Attrs } from './node-def.ts';
import { attr } from './node-def.ts';
import { spatial } from './window.ts';

interface LrnAttrs {
  readonly depthRadius: number;
  readonly bias: number;
  readonly alpha: number;
  readonly beta: number;
}

const lrnAttrs = ({ depthRadius, bias, alpha, beta }: LrnAttrs): Attrs => ({
  depth_radius: attr.int(depthRadius),
  bias: attr.float(bias),
  alpha: attr.float(alpha),
  beta: attr.float(beta),
});

/** A [channels, channels] matrix of ones within `radius` of the diagonal: multiplying by it sums neighbours. */
function band(channels: number, radius: number): Float32Array {
  return Float32Array.from({ length: channels * channels }, (_, i) =>
    Math.abs(Math.floor(i / channels) - (i % channels)) <= radius ? 1 : 0,
  );
}

/** Batch and local response normalisation. */
export const normalisationLowerings = {
  FusedBatchNorm: (emit, { attrs }, [x, mean, variance, offset, scale]) => [
    emit.op('FusedBatchNormV3', [x!, scale!, offset!, mean!, variance!], {
      epsilon: attr.float(attrs.varianceEpsilon),
      is_training: attr.bool(false),
      data_format: attr.string('NHWC'),
    }),
  ],
  LRN: (emit, { attrs }, [x]) => [emit.op('LRN', [x!], lrnAttrs(attrs))],
  // With n = bias + alpha * (sum of neighbours' x^2), y = x n^-beta:
  // dx = dy n^-beta - 2 alpha beta x * (sum of neighbours' dy y / n).
  LRNGrad: (emit, node, [x, y, dy]) => {
    const { depthRadius, bias, alpha, beta } = node.attrs;
    const { shape } = node.inputs[0]!;
    const channels = spatial(shape[3]!);
    const matrix = emit.constant('float32', [channels, channels], band(channels, depthRadius));
    const neighbours = (tensor: string) => {
      const rows = emit.op('Reshape', [tensor, emit.ints([-1, channels])]);
      return emit.reshape(emit.op('MatMul', [rows, matrix]), shape);
    };
    const number = (value: number) => emit.scalar('float32', value);
    const mul = (a: string, b: string) => emit.op('Mul', [a, b]);
    const squares = neighbours(emit.op('Square', [x!]));
    const norm = emit.op('AddV2', [mul(squares, number(alpha)), number(bias)]);
    const own = mul(dy!, emit.op('Pow', [norm, number(-beta)]));
    const shared = neighbours(emit.op('RealDiv', [mul(dy!, y!), norm]));
    return [emit.op('Sub', [own, mul(mul(x!, shared), number(2 * alpha * beta))])];
  },
} satisfies Partial<GraphModelLowerings>;
