import { tf } from '../tf.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';
import { floats, ints, pixels } from './edges.ts';

/** Where runtimes give different values, and why that is left so. */
export interface KnownDifference {
  readonly operation: string;
  /** The example, as in a formula. */
  readonly example: string;
  /** Of one output, `y`. */
  readonly fn: (inputs: NamedTensors) => { readonly y: tf.Tensor };
  readonly inputs: () => NamedTensors;
  /** What eager TensorFlow.js gives, and a GraphModel where it does not say otherwise. */
  readonly tfjs: readonly number[];
  /** What onnxruntime gives; several lists where it depends on the processor. */
  readonly onnx: readonly number[] | { readonly either: readonly (readonly number[])[] };
  readonly graphModel?: readonly number[];
  readonly why: string;
}

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const y = (fn: (x: tf.Tensor) => tf.Tensor): TensorFunction & KnownDifference['fn'] => {
  return ({ x }) => ({ y: fn(x!) });
};

/** Every known case in which programs do not give what eager TensorFlow.js gives, but for rounding. */
export const knownDifferences: readonly KnownDifference[] = [
  {
    operation: 'step, and the gradients of relu, relu6 and abs',
    example: 'step(NaN)',
    fn: y((x) => tf.step(x)),
    inputs: () => ({ x: floats(nan, -1, 2) }),
    tfjs: [nan, 0, 1],
    onnx: [0, 0, 1],
    why: 'telling NaN apart would double the time of the gradient of relu, where the factor beside it is NaN',
  },
  {
    operation: 'maxPool',
    example: 'windows of 2 over 1, NaN, 3',
    fn: y((x) => tf.maxPool(x as tf.Tensor4D, [1, 2], 1, 'valid')),
    inputs: () => ({ x: pixels(1, 1, nan, 3) }),
    tfjs: [1, 3],
    onnx: {
      either: [
        [1, 3],
        [nan, 3],
        [1, nan],
        [nan, nan],
      ],
    },
    why: 'onnxruntime passes over NaN or not by its place in the window; a test for NaN would break its fused kernels',
  },
  {
    operation: 'mul, square, squaredDifference, cumprod of int32 beyond 2^53',
    example: '123456789 * 987654321',
    fn: ({ a, b }) => ({ y: tf.mul(a!, b!) }),
    inputs: () => ({ a: ints(123456789), b: ints(987654321) }),
    tfjs: [-67153024],
    onnx: [-67153019],
    why: 'TensorFlow.js rounds the product to a float64 before it wraps; ONNX wraps the exact one',
  },
  {
    operation: 'pow of int32 beyond 2^53',
    example: '3 ** 40',
    fn: ({ a, b }) => ({ y: tf.pow(a!, b!) }),
    inputs: () => ({ a: ints(3), b: ints(40) }),
    tfjs: [(3 ** 40) | 0],
    onnx: [0],
    why: 'neither has the exact power: TensorFlow.js wraps a rounded one, ONNX gives 0',
  },
  {
    operation: 'prod of int32 beyond 2^63',
    example: 'prod(2147483647, 2147483647, 3)',
    fn: y((x) => tf.prod(x)),
    inputs: () => ({ x: ints(2147483647, 2147483647, 3) }),
    tfjs: [0],
    onnx: { either: [[-1], [0]] },
    why: 'both round from 2^53 on; onnxruntime stops at the ends of int64 before the product is wrapped',
  },
  {
    operation: 'cast of int32 to float32',
    example: '16777217',
    fn: y((x) => tf.cast(x, 'float32')),
    inputs: () => ({ x: ints(16777217) }),
    tfjs: [16777217],
    onnx: [16777216],
    why: 'TensorFlow.js on the CPU keeps the integer until the next operation; a float32 has 24 bits',
  },
  {
    operation: 'resizeNearestNeighbor of int32',
    example: '16777217',
    fn: y((x) => tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [1, 2])),
    inputs: () => ({ x: tf.tensor4d([16777217], [1, 1, 1, 1], 'int32') }),
    tfjs: [16777216, 16777216],
    onnx: [16777217, 16777217],
    why: 'TensorFlow.js passes the values through float32',
  },
  {
    operation: 'mean',
    example: 'mean(3e38, 3e38)',
    fn: y((x) => tf.mean(x)),
    inputs: () => ({ x: floats(3e38, 3e38) }),
    tfjs: [Math.fround(3e38)],
    onnx: [inf],
    why: 'ONNX adds in float32 before it divides; TensorFlow.js on the CPU adds in float64',
  },
  {
    operation: 'localResponseNormalization beyond 1.8e19',
    example: '1e30 by itself, alpha = 1, beta = 0.5',
    fn: y((x) => tf.localResponseNormalization(x as tf.Tensor4D, 1, 1, 1, 0.5)),
    inputs: () => ({ x: pixels(1, 1e30) }),
    tfjs: [1],
    onnx: [0],
    why: 'the square overflows in float32; TensorFlow.js on the CPU squares in float64',
  },
  {
    operation: 'unsortedSegmentSum, and the gradient of gather',
    example: 'infinity, NaN and 3 in segments of their own',
    fn: ({ x, ids }) => ({ y: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 3) }),
    inputs: () => ({ x: floats(inf, nan, 3), ids: ints(0, 1, 2) }),
    tfjs: [nan, nan, nan],
    onnx: [nan, nan, nan],
    graphModel: [inf, nan, 3],
    why: 'the first two multiply by membership, and infinity times 0 is NaN; GraphModel scatters',
  },
  {
    operation: 'relu and others of -0',
    example: '1 / relu(-0)',
    fn: y((x) => tf.reciprocal(tf.relu(x))),
    inputs: () => ({ x: floats(-0) }),
    tfjs: [inf],
    onnx: { either: [[inf], [-inf]] },
    why: 'the sign of zero is nowhere promised (expm1, log1p, atan2 on the axes likewise)',
  },
  {
    operation: 'sigmoid below -18',
    example: 'sigmoid(-30)',
    fn: y((x) => tf.sigmoid(x)),
    inputs: () => ({ x: floats(-30) }),
    tfjs: [Math.fround(1 / (1 + Math.exp(30)))],
    onnx: [0],
    why: 'onnxruntime on the CPU computes sigmoid to 1e-7 of 1, not of its value; use -softplus(-x) for its logarithm',
  },
  {
    operation: 'erf near 0',
    example: 'erf(1e-6)',
    fn: y((x) => tf.erf(x)),
    inputs: () => ({ x: floats(1e-6) }),
    tfjs: [1.1293863e-6],
    onnx: [1.1283791e-6],
    why: 'TensorFlow.js approximates erf to 1.5e-7 of 1 (Abramowitz and Stegun 7.1.26)',
  },
];
