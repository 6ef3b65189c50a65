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

const sameConvolution: Attrs = {
  strides: attr.ints([1, 1, 1, 1]),
  dilations: attr.ints([1, 1, 1, 1]),
  padding: attr.string('SAME'),
  data_format: attr.string('NHWC'),
};

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
    const [height, width, channels] = shape.slice(1).map(spatial) as [number, number, number];
    // A window of ones that slides over the channels, as columns of an image: an infinity stays with its neighbours,
    // where a matrix of ones and zeros would make it NaN everywhere.
    const size = 2 * Math.min(depthRadius, channels - 1) + 1;
    const ones = emit.constant('float32', [1, size, 1, 1], new Float32Array(size).fill(1));
    const neighbours = (tensor: string) => {
      const rows = emit.reshape(tensor, [shape[0]!, height * width, channels, 1]);
      return emit.reshape(emit.op('Conv2D', [rows, ones], sameConvolution), shape);
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
