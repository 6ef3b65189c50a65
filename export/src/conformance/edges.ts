import { tf } from '../tf.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';
import { kernel } from './case.ts';

/** Values of outputs by name. */
export type Expected = Readonly<Record<string, readonly number[]>>;

/** What an operation gives at the ends of its types: the same in every runtime. */
export interface EdgeCase {
  readonly operation: string;
  /** In words, for the documentation. */
  readonly rule: string;
  readonly fn: TensorFunction;
  readonly inputs: () => NamedTensors;
  readonly expected: Expected;
}

export const floats = (...values: number[]) => tf.tensor1d(values, 'float32');
export const ints = (...values: number[]) => tf.tensor1d(values, 'int32');
export const rows = (columns: number, ...values: number[]) =>
  tf.tensor2d(values, [values.length / columns, columns], 'float32');
/** An NHWC image of one row and one pixel for each run of channels. */
export const pixels = (channels: number, ...values: number[]) =>
  tf.tensor4d(values, [1, 1, values.length / channels, channels], 'float32');

const [least, most] = [-(2 ** 31), 2 ** 31 - 1];
/** The largest float32 below 2^31. */
const mostFloat = 2 ** 31 - 128;
const { NaN: nan, POSITIVE_INFINITY: inf } = Number;

/** Cases whose values are the same in TensorFlow.js (with our corrections), ONNX and GraphModel. */
export const edgeCases: readonly EdgeCase[] = [
  {
    operation: 'div, floorDiv of int32',
    rule: 'by 0 is 0; -2147483648 / -1 wraps round to -2147483648; the rest is floored',
    fn: ({ a, b }) => ({ div: tf.div(a!, b!), floorDiv: tf.floorDiv(a!, b!) }),
    inputs: () => ({
      a: ints(least, least, least, most, 7, -7, 0, 7),
      b: ints(-1, 0, 1, -1, -1, 0, -1, -2),
    }),
    expected: {
      div: [least, 0, least, -most, -7, 0, 0, -4],
      floorDiv: [least, 0, least, -most, -7, 0, 0, -4],
    },
  },
  {
    operation: 'mod of int32',
    rule: 'by 0 and by -1 is 0; the rest has the sign of the divisor',
    fn: ({ a, b }) => ({ mod: tf.mod(a!, b!) }),
    inputs: () => ({ a: ints(least, least, most, 7, -7, 7), b: ints(-1, 0, -1, 0, 3, -3) }),
    expected: { mod: [0, 0, 0, 0, 2, -2] },
  },
  {
    operation: 'floorDiv of float32',
    rule: 'the float32 quotient, floored, as a cast to int32 takes it',
    fn: ({ a, b }) => ({ y: tf.floorDiv(a!, b!) }),
    inputs: () => ({ a: floats(1, -1, 0, nan, -7, 3e9, 3), b: floats(0, 0, 0, 1, 2, 0.5, inf) }),
    expected: { y: [mostFloat, least, 0, 0, -4, mostFloat, 0] },
  },
  {
    operation: 'cast of float32 to int32',
    rule: 'towards 0; NaN is 0; outside the range, -2147483648 or 2147483520, the largest float32 below 2^31',
    fn: ({ x }) => ({ y: tf.cast(x!, 'int32') }),
    inputs: () => ({ x: floats(nan, inf, -inf, 3e9, -3e9, 2 ** 31, least, 2 ** 32, 1.9, -1.9) }),
    expected: { y: [0, mostFloat, least, mostFloat, least, mostFloat, least, mostFloat, 1, -1] },
  },
  {
    operation: 'cast of float32 to bool',
    rule: 'all but 0 and -0 is true, NaN too',
    fn: ({ x }) => ({ y: tf.cast(x!, 'bool') }),
    inputs: () => ({ x: floats(nan, inf, 0, -0, 1e-30, 0.5) }),
    expected: { y: [1, 1, 0, 0, 1, 1] },
  },
  {
    operation: 'add, sub, neg, abs, square, mul of int32',
    rule: 'wrap round (modulo 2^32)',
    fn: ({ a, b }) => ({
      add: tf.add(a!, b!),
      sub: tf.sub(a!, b!),
      neg: tf.neg(a!),
      abs: tf.abs(a!),
      mul: tf.mul(a!, b!),
    }),
    inputs: () => ({ a: ints(most, least, 65537), b: ints(1, 1, 65537) }),
    expected: {
      add: [least, least + 1, 131074],
      sub: [most - 1, most, 0],
      neg: [-most, least, -65537],
      abs: [most, least, 65537],
      mul: [most, least, 131073],
    },
  },
  {
    operation: 'sum, cumsum, prod, addN, matMul of int32',
    rule: 'wrap round; exact also beyond 2^24',
    fn: ({ x, m }) => ({
      sum: tf.sum(x!),
      cumsum: tf.cumsum(x!),
      prod: tf.prod(tf.slice(x!, 1)),
      addN: tf.addN([x!, x!, x!]),
      matMul: tf.matMul(m!, m!),
    }),
    inputs: () => ({
      x: ints(most, most, 3),
      m: tf.tensor2d([65537, 1, 0, 16777217], [2, 2], 'int32'),
    }),
    expected: {
      sum: [1],
      cumsum: [most, -2, 1],
      prod: [most - 2],
      addN: [most - 2, most - 2, 9],
      matMul: [131073, 65537 + 16777217, 0, 33554433],
    },
  },
  {
    operation: 'pow of int32',
    rule: 'wraps round; a negative exponent gives 0, or 1 and -1 of the bases 1 and -1',
    fn: ({ a, b }) => ({ y: tf.pow(a!, b!) }),
    inputs: () => ({
      a: ints(3, -3, 2, 2, 10, 0, 0, 2, 1, -1, -1),
      b: ints(21, 21, 31, 32, 12, 0, -1, -1, -5, -3, -2),
    }),
    expected: { y: [1870418611, -1870418611, least, 0, -727379968, 1, 0, 0, 1, -1, 1] },
  },
  {
    operation: 'relu, relu6, round, abs, maxPool of int32',
    rule: 'exact beyond 2^24',
    fn: ({ x, image }) => ({
      relu: tf.relu(x!),
      relu6: tf.relu6(x!),
      round: tf.round(x!),
      abs: tf.abs(x!),
      maxPool: tf.maxPool(image as tf.Tensor4D, [1, 2], 1, 'valid'),
    }),
    inputs: () => ({
      x: ints(16777217, -16777217, most, least),
      image: tf.tensor4d([16777216, 16777217, most, least, least], [1, 1, 5, 1], 'int32'),
    }),
    expected: {
      relu: [16777217, 0, most, 0],
      relu6: [6, 0, 6, 0],
      round: [16777217, -16777217, most, least],
      abs: [16777217, 16777217, most, least],
      maxPool: [16777217, most, most, least],
    },
  },
  {
    operation: 'max, min',
    rule: 'NaN where a value is NaN; their gradients 0 there',
    fn: ({ x }) => ({
      max: tf.max(x!, 1),
      min: tf.min(x!, 1),
      columns: tf.max(x!, 0),
      dx: tf.grad((v) => tf.sum(tf.max(v, 1)))(x!),
    }),
    inputs: () => ({ x: rows(3, 1, nan, 3, -inf, inf, 2, -inf, -inf, -inf) }),
    expected: {
      max: [nan, inf, -inf],
      min: [nan, -inf, -inf],
      columns: [1, nan, 3],
      dx: [0, 0, 0, 0, 1, 0, 1, 1, 1],
    },
  },
  {
    operation: 'maximum, minimum, clipByValue, relu, relu6, leakyRelu, elu',
    rule: 'NaN of NaN',
    fn: ({ x }) => ({
      maximum: tf.maximum(x!, 0),
      minimum: tf.minimum(0, x!),
      clip: tf.clipByValue(x!, -1, 1),
      relu: tf.relu(x!),
      relu6: tf.relu6(x!),
      leakyRelu: tf.leakyRelu(x!, 0.5),
      elu: tf.elu(x!),
    }),
    inputs: () => ({ x: floats(nan, inf, -inf) }),
    expected: {
      maximum: [nan, inf, 0],
      minimum: [nan, 0, -inf],
      clip: [nan, 1, -1],
      relu: [nan, inf, 0],
      relu6: [nan, 6, 0],
      leakyRelu: [nan, inf, -inf],
      elu: [nan, inf, -1],
    },
  },
  {
    operation: 'argMax, argMin',
    rule: 'pass over NaN, but not where it comes first',
    fn: ({ x }) => ({ max: tf.argMax(x!, 1), min: tf.argMin(x!, 1) }),
    inputs: () => ({ x: rows(3, 1, nan, 3, nan, 1, 2, nan, nan, nan, 2, 1, nan) }),
    expected: { max: [2, 0, 0, 0], min: [0, 0, 0, 1] },
  },
  {
    operation: 'topk',
    rule: 'NaN is sorted as infinity; of equal values the first comes first',
    fn: ({ x }) => {
      const { values, indices } = tf.topk(x!, 3);
      return { values, indices };
    },
    inputs: () => ({ x: rows(4, 1, nan, 3, inf, nan, 1, 2, -inf, inf, 5, inf, inf, -inf, -inf, -inf, nan) }),
    expected: {
      values: [nan, inf, 3, nan, 2, 1, inf, inf, inf, nan, -inf, -inf],
      indices: [1, 3, 2, 0, 2, 1, 0, 2, 3, 3, 0, 1],
    },
  },
  {
    operation: 'sign, isNaN, isInf, isFinite, comparisons',
    rule: 'the sign of NaN is 0; NaN equals nothing, 0 equals -0',
    fn: ({ x }) => ({
      sign: tf.sign(x!),
      isNaN: tf.isNaN(x!),
      isInf: tf.isInf(x!),
      isFinite: tf.isFinite(x!),
      equal: tf.equal(x!, x!),
      notEqual: tf.notEqual(x!, x!),
      zero: tf.equal(x!, 0),
      less: tf.less(x!, 1),
    }),
    inputs: () => ({ x: floats(nan, inf, -inf, -0) }),
    expected: {
      sign: [0, 1, -1, 0],
      isNaN: [1, 0, 0, 0],
      isInf: [0, 1, 1, 0],
      isFinite: [0, 0, 0, 1],
      equal: [0, 1, 1, 1],
      notEqual: [1, 0, 0, 0],
      zero: [0, 0, 0, 1],
      less: [0, 0, 1, 1],
    },
  },
  {
    operation: 'atan2',
    rule: 'of two infinities, the angle of their signs',
    fn: ({ y, x }) => ({ angle: tf.atan2(y!, x!) }),
    inputs: () => ({ y: floats(inf, -inf, inf, -inf, 1, nan), x: floats(inf, inf, -inf, -inf, inf, 1) }),
    expected: { angle: [Math.PI / 4, -Math.PI / 4, (3 * Math.PI) / 4, (-3 * Math.PI) / 4, 0, nan] },
  },
  {
    operation: 'localResponseNormalization and its gradient',
    rule: 'a channel reaches its neighbours only, however large it is',
    fn: ({ x }) => {
      const normalise = (v: tf.Tensor) =>
        tf.localResponseNormalization(v as tf.Tensor4D, 1, 1, 1, 0.5) as tf.Tensor;
      const dx = tf.grad((v) => tf.sum(normalise(v)))(x!);
      return { y: tf.slice(normalise(x!), [0, 0, 0, 1]), dx: tf.slice(dx, [0, 0, 0, 3]) };
    },
    inputs: () => ({ x: pixels(5, 1e30, 0, 3, 0, 0) }),
    // The square of 1e30 is infinite. 3 / sqrt(1 + 9); the gradient 1 / sqrt(10) and, beyond the 3, 1.
    expected: { y: [0, 3 / Math.sqrt(10), 0, 0], dx: [1 / Math.sqrt(10), 1] },
  },
  {
    operation: 'unsortedSegmentSum',
    rule: 'float32 whatever the type of the summands; ids outside the range are dropped',
    fn: ({ x, ids }) => ({ y: tf.unsortedSegmentSum(x!, ids as tf.Tensor1D, 3) }),
    inputs: () => ({ x: ints(most, most, 3, 5, 6), ids: ints(0, 0, 1, 7, -1) }),
    expected: { y: [2 ** 32, 3, 0] },
  },
  {
    operation: 'softmax, logSoftmax, logSumExp',
    rule: 'NaN in a row, or infinity, makes the row NaN (logSumExp: infinity)',
    fn: ({ x }) => ({ softmax: tf.softmax(x!), logSumExp: tf.logSumExp(x!, 1) }),
    inputs: () => ({ x: rows(2, nan, 1, -inf, 0, -inf, -inf) }),
    expected: { softmax: [nan, nan, 0, 1, nan, nan], logSumExp: [nan, 0, nan] },
  },
  {
    operation: 'any, all, sum, prod of no values',
    rule: 'false, true, 0, 1; max, min and mean of none are refused when traced',
    fn: ({ x, b }) => ({
      any: tf.any(b!),
      all: tf.all(b!),
      sum: tf.sum(x!),
      prod: tf.prod(x!),
    }),
    inputs: () => ({ x: tf.zeros([0]), b: tf.zeros([0], 'bool') }),
    expected: { any: [0], all: [1], sum: [0], prod: [1] },
  },
  {
    operation: 'gradient of avgPool at the border',
    rule: 'a window shares what it received among its cells inside the image, as its mean is of those',
    fn: ({ x }) => ({
      same: tf.grad((v) => tf.sum(tf.avgPool(v as tf.Tensor4D, [1, 2], 1, 'same')))(x!),
      ceil: tf.grad((v) => tf.sum(tf.avgPool(v as tf.Tensor4D, [1, 2], 2, 0, 'ceil')))(x!),
    }),
    inputs: () => ({ x: pixels(1, 1, 2, 3) }),
    expected: { same: [0.5, 1, 1.5], ceil: [0.5, 0.5, 1] },
  },
  {
    operation: 'gradient of resizing with half-pixel centres',
    rule: 'the transpose of the resize',
    fn: ({ x, dy }) => {
      const gradient = (resize: typeof tf.image.resizeBilinear) =>
        tf.grad((v) => tf.sum(tf.mul(dy!, resize(v as tf.Tensor4D, [4, 4], false, true))))(x!);
      return {
        bilinear: gradient(tf.image.resizeBilinear),
        nearest: gradient(tf.image.resizeNearestNeighbor),
      };
    },
    inputs: () => ({
      x: tf.ones([1, 2, 2, 1]),
      dy: tf.tensor4d(
        Array.from({ length: 16 }, (_, i) => i + 1),
        [1, 4, 4, 1],
      ),
    }),
    // Each cell blends with weights 1, 3/4, 1/4, 0 along either axis; nearest adds blocks of 2 x 2.
    expected: { bilinear: [16.5, 23.5, 44.5, 51.5], nearest: [14, 22, 46, 54] },
  },
  {
    operation: 'truncated quotient of int32 (the kernel RealDiv)',
    rule: 'towards 0; by 0 is 0, -2147483648 / -1 wraps round (not in GraphModel, which refuses it)',
    fn: ({ a, b }) => ({ y: kernel('RealDiv', { a: a!, b: b! }) }),
    inputs: () => ({ a: ints(least, least, 7, -7), b: ints(-1, 0, -2, 2) }),
    expected: { y: [least, 0, -3, -3] },
  },
];
