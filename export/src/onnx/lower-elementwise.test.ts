import { tf } from '../tf.ts';
import type { TensorFunction } from '../trace/trace.ts';
import { describeConformance, type OnnxCase } from './conformance.ts';
import { elementwiseLowerings } from './lower-elementwise.ts';

await tf.setBackend('cpu');

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const floats = (...values: number[]) => tf.tensor1d(values, 'float32');
const ints = (...values: number[]) => tf.tensor1d(values, 'int32');
const bools = (...values: number[]) => tf.tensor1d(values, 'bool');
const noise = (shape: number[], seed: number) => tf.randomUniform(shape, -2, 2, 'float32', seed);
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object = {}): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });

/** onnxruntime's vectorised functions are within about 5 units in the last place (1.2e-7) of the rounded result. */
const close = { tolerance: 6e-7, elementwise: true };
const exact = { tolerance: 0, elementwise: true };

const special = () =>
  floats(0, -0, 1, -1, 0.5, 1.5, 2.5, -0.5, -1.5, Number.NaN, Infinity, -Infinity, 1e-20, -1e20, 7);

const rounded: Record<string, Unary> = {
  acos: tf.acos,
  acosh: tf.acosh,
  asin: tf.asin,
  asinh: tf.asinh,
  atan: tf.atan,
  atanh: tf.atanh,
  cosh: tf.cosh,
  elu: tf.elu,
  erf: tf.erf,
  exp: tf.exp,
  expm1: tf.expm1,
  log: tf.log,
  log1p: tf.log1p,
  reciprocal: tf.reciprocal,
  rsqrt: tf.rsqrt,
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sinh: tf.sinh,
  softplus: tf.softplus,
  sqrt: tf.sqrt,
  tanh: tf.tanh,
};
// Trigonometry of 1e20 is about reducing the argument, which libraries do differently: small arguments only.
const periodic: Record<string, Unary> = { cos: tf.cos, sin: tf.sin, tan: tf.tan };
const withoutRounding: Record<string, Unary> = {
  abs: tf.abs,
  ceil: tf.ceil,
  clip: (x) => tf.clipByValue(x, -0.5, 1.5),
  clipOpenEnded: (x) => tf.clipByValue(x, 0, Infinity),
  floor: tf.floor,
  identity: (x) => tf.clone(x),
  isFinite: tf.isFinite,
  isInf: tf.isInf,
  isNaN: tf.isNaN,
  leakyRelu: (x) => tf.leakyRelu(x, 0.25),
  neg: tf.neg,
  onesLike: tf.onesLike,
  relu: tf.relu,
  relu6: tf.relu6,
  round: tf.round,
  sign: tf.sign,
  square: tf.square,
  toBool: (x) => tf.cast(x, 'bool'),
  zerosLike: tf.zerosLike,
};

const unaryCases = (table: Record<string, Unary>, x: () => tf.Tensor, options: object): OnnxCase[] =>
  Object.entries(table).map(([name, op]) => ({
    name: `${name}: special values, a scalar, rank 5`,
    fn: (t) => ({ special: op(t.x!), scalar: op(t.s!), rank5: op(t.r!) }),
    inputs: () => ({ x: x(), s: tf.scalar(0.3), r: noise([1, 2, 3, 1, 2], 1) }),
    ...options,
  }));

const binary: Record<string, Binary> = {
  add: tf.add,
  div: tf.div,
  equal: tf.equal,
  floorDiv: tf.floorDiv,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  maximum: tf.maximum,
  minimum: tf.minimum,
  mod: tf.mod,
  mul: tf.mul,
  notEqual: tf.notEqual,
  pow: tf.pow,
  squaredDifference: tf.squaredDifference,
  sub: tf.sub,
};

const binaryCases = Object.entries(binary).flatMap(([name, op]): OnnxCase[] => {
  const fn: TensorFunction = ({ a, b }) => ({ y: op(a!, b!) });
  const wide = () => ({ a: noise([3, 1, 2], 1), b: noise([4, 1], 2) });
  const signs = () => ({ a: ints(7, -7, 7, -7, 6, 0, -1), b: ints(2, 2, -2, -2, 3, 5, 4) });
  return [
    { name: `${name}, broadcasting both ways`, fn, inputs: wide, ...close },
    { name: `${name} of int32, all signs`, fn, inputs: signs, ...exact },
  ];
});

const nan = Number.NaN;

describeConformance('elementwise lowerings', elementwiseLowerings, [
  ...unaryCases(rounded, special, close),
  ...unaryCases(periodic, () => floats(0, -0, 0.5, -1, 3, nan, Infinity), close),
  ...unaryCases(withoutRounding, special, exact),
  ...binaryCases,
  {
    name: 'comparisons, extremes and arithmetic with NaN and infinities',
    fn: ({ a, b }) => ({
      equal: tf.equal(a!, b!),
      notEqual: tf.notEqual(a!, b!),
      less: tf.less(a!, b!),
      greaterEqual: tf.greaterEqual(a!, b!),
      maximum: tf.maximum(a!, b!),
      minimum: tf.minimum(a!, b!),
      quotient: tf.div(a!, b!),
    }),
    inputs: () => ({ a: floats(nan, 1, Infinity, Infinity, 0, 1), b: floats(1, nan, Infinity, 1, 0, 0) }),
    ...exact,
  },
  {
    name: 'halves are rounded to even, also next to a half and beyond 2^23',
    fn: ({ x }) => ({ y: tf.round(x!) }),
    inputs: () => ({ x: floats(0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, -0.49999997, 8388609, 1e30) }),
    ...exact,
  },
  {
    name: 'expm1 and log1p keep the digits of small arguments',
    fn: ({ x }) => ({ expm1: tf.mul(tf.expm1(x!), 1e6), log1p: tf.mul(tf.log1p(x!), 1e6) }),
    inputs: () => ({ x: floats(1e-6, -1e-6, 3e-7, 1e-9, 1e-4) }),
    ...close,
  },
  {
    name: 'int32 division is floored beyond 2^24, and gives 0 for a divisor of 0 as in tfjs',
    fn: ({ a, b }) => ({
      floorDiv: tf.floorDiv(a!, b!),
      div: tf.div(a!, b!),
      mod: tf.mod(a!, b!),
      truncated: kernel('RealDiv', { a: a!, b: b! }),
    }),
    inputs: () => ({ a: ints(2147483647, -2147483647, 16777217, 5, -5, 0), b: ints(2, 3, 1, 0, 0, 0) }),
    ...exact,
  },
  {
    name: 'floor division and remainder of floats have the sign of the divisor',
    fn: ({ a, b }) => ({ floorDiv: tf.floorDiv(a!, b!), mod: tf.mod(a!, b!) }),
    inputs: () => ({
      a: floats(5, -5, 5, -5, 0.25, -0.25, 7),
      b: floats(3, 3, -3, -3, 0.125, 0.1, Infinity),
    }),
    // For -0.25 mod 0.1, tfjs adds and divides in float64; one float32 rounding of a remainder below 0.1.
    tolerance: 1e-7,
    elementwise: true,
    reference: ({ a, b }) => ({
      floorDiv: tf.floorDiv(a!, b!),
      mod: tf.mod(a!, b!),
    }),
  },
  {
    name: 'powers of negative, zero and fractional numbers, and of int32 with a negative exponent',
    fn: ({ a, b, i, j }) => ({ floats: tf.pow(a!, b!), ints: tf.pow(i!, j!) }),
    inputs: () => ({
      a: floats(2, -2, -2, 0, 2, 0),
      b: floats(-1, 3, 0.5, 0, 0.5, -1),
      i: ints(2, -2, 3, 0, 2),
      j: ints(-1, 3, 0, 0, 10),
    }),
    ...close,
  },
  {
    name: 'atan2 in every quadrant and on the axes',
    fn: ({ y, x }) => ({ angle: tf.atan2(y!, x!) }),
    inputs: () => ({
      y: floats(0, 1, -1, 0, 1, -1, 0, 2, -2, Infinity, 1),
      x: floats(1, 1, 1, -1, -1, -1, 0, 0, 0, 1, Infinity),
    }),
    ...close,
  },
  {
    name: 'clip of int32: open ends, and bounds between integers',
    fn: ({ x }) => ({
      above: tf.clipByValue(x!, -1.5, Infinity),
      below: tf.clipByValue(x!, -Infinity, 1.5),
      both: tf.clipByValue(x!, -0.5, 2.7),
    }),
    inputs: () => ({ x: ints(-3, -2, -1, 0, 1, 2, 3) }),
    ...exact,
  },
  {
    name: 'functions of int32',
    fn: ({ x }) => ({
      abs: tf.abs(x!),
      float: tf.cast(x!, 'float32'),
      neg: tf.neg(x!),
      relu: tf.relu(x!),
      relu6: tf.relu6(x!),
      round: tf.round(x!),
      sign: tf.sign(x!),
      step: tf.step(x!),
      square: tf.square(x!),
      nan: tf.isNaN(x!),
    }),
    inputs: () => ({ x: ints(-3, 0, 2, 9) }),
    ...exact,
  },
  {
    name: 'float to int32 truncates towards zero',
    fn: ({ x }) => ({ y: tf.cast(x!, 'int32') }),
    inputs: () => ({ x: floats(1.9, -1.9, 0.5, -0, 16777216) }),
    ...exact,
  },
  {
    name: 'bools: logic, arithmetic, comparison, conversion',
    fn: ({ a, b }) => ({
      and: tf.logicalAnd(a!, b!),
      or: tf.logicalOr(a!, b!),
      not: tf.logicalNot(a!),
      xor: tf.logicalXor(a!, b!),
      product: tf.mul(a!, b!),
      maximum: tf.maximum(a!, b!),
      square: tf.square(a!),
      equal: tf.equal(a!, b!),
      notEqual: tf.notEqual(a!, b!),
      int: tf.cast(a!, 'int32'),
      float: tf.cast(b!, 'float32'),
    }),
    inputs: () => ({ a: bools(1, 0, 1, 0), b: bools(1, 1, 0, 0) }),
    ...exact,
  },
  {
    name: 'addN of one, of three, of int32',
    fn: ({ a, b, i }) => ({
      one: tf.addN([a!]),
      three: tf.addN([a!, b!, a!]),
      ints: tf.addN([i!, i!]),
    }),
    inputs: () => ({ a: noise([2, 3], 1), b: noise([2, 3], 2), i: ints(-5, 0, 5) }),
    ...close,
  },
  {
    name: 'where, of every type, broadcasting; Select of whole rows',
    fn: ({ c, x, y, i, b, r }) => ({
      floats: tf.where(c!, x!, y!),
      ints: tf.where(c!, i!, tf.onesLike(i!)),
      bools: tf.where(c!, b!, tf.logicalNot(b!)),
      rows: kernel('Select', { condition: r!, t: x!, e: tf.neg(x!) }),
    }),
    inputs: () => ({
      c: tf.tensor2d([1, 0, 1], [3, 1], 'bool'),
      x: noise([3, 4], 1),
      y: noise([4], 2),
      i: tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2], [3, 4], 'int32'),
      b: tf.tensor2d([1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1], [3, 4], 'bool'),
      r: bools(0, 1, 1),
    }),
    ...exact,
  },
  {
    name: 'step with and without slope, prelu broadcasting both ways',
    fn: ({ x, alpha }) => ({
      step: tf.step(x!),
      sloped: tf.step(x!, -0.25),
      prelu: tf.prelu(x!, alpha!),
    }),
    inputs: () => ({ x: tf.tensor2d([0, -0, 2, -3, Infinity, -Infinity], [1, 6]), alpha: noise([2, 1], 3) }),
    ...exact,
  },
  {
    name: 'gradients of elu, relu, abs and leakyRelu',
    fn: ({ x }) => ({
      elu: tf.grad((v) => tf.elu(v))(x!),
      relu: tf.grad((v) => tf.relu(v))(x!),
      abs: tf.grad((v) => tf.abs(v))(x!),
      leaky: tf.grad((v) => tf.leakyRelu(v, 0.25))(x!),
    }),
    inputs: () => ({ x: noise([7, 3], 4) }),
    ...close,
  },
]);
