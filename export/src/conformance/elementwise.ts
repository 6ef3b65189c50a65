import { tf } from '../tf.ts';
import { bools, type ConformanceCase, integers, kernel, values } from './case.ts';

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const special = () => tf.tensor1d([0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, NaN, Infinity, -Infinity, 1e-20, 1e20]);

const unary: Record<string, Unary> = {
  abs: tf.abs,
  acos: tf.acos,
  acosh: tf.acosh,
  asin: tf.asin,
  asinh: tf.asinh,
  atan: tf.atan,
  atanh: tf.atanh,
  ceil: tf.ceil,
  clip: (x) => tf.clipByValue(x, -0.1, 0.7),
  clipOpenEnded: (x) => tf.clipByValue(x, 0, Infinity),
  cos: tf.cos,
  cosh: tf.cosh,
  elu: tf.elu,
  erf: tf.erf,
  exp: tf.exp,
  expm1: tf.expm1,
  floor: tf.floor,
  identity: (x) => tf.clone(x),
  isFinite: tf.isFinite,
  isInf: tf.isInf,
  isNaN: tf.isNaN,
  leakyRelu: (x) => tf.leakyRelu(x, 0.13),
  log: tf.log,
  log1p: tf.log1p,
  neg: tf.neg,
  onesLike: tf.onesLike,
  reciprocal: tf.reciprocal,
  relu: tf.relu,
  relu6: tf.relu6,
  round: tf.round,
  rsqrt: tf.rsqrt,
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sign: tf.sign,
  sin: tf.sin,
  sinh: tf.sinh,
  softplus: tf.softplus,
  sqrt: tf.sqrt,
  square: tf.square,
  step: (x) => tf.step(x),
  stepWithSlope: (x) => tf.step(x, -0.3),
  tan: tf.tan,
  tanh: tf.tanh,
  toInt: (x) => tf.cast(tf.clipByValue(x, -9, 9), 'int32'),
  toBool: (x) => tf.cast(x, 'bool'),
  zerosLike: tf.zerosLike,
};

const binary: Record<string, Binary> = {
  add: tf.add,
  atan2: tf.atan2,
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
  prelu: tf.prelu,
  squaredDifference: tf.squaredDifference,
  sub: tf.sub,
};

const unaryCases = Object.entries(unary).flatMap(([name, op]): ConformanceCase[] => [
  { name: `${name} of special values`, fn: ({ x }) => ({ y: op(x!) }), inputs: () => ({ x: special() }) },
  {
    name: `${name} of a scalar and of rank 5`,
    fn: ({ x, s }) => ({ y: op(x!), t: op(s!) }),
    inputs: () => ({ x: values(1, 2, 3, 1, 2), s: values() }),
  },
]);

const binaryCases = Object.entries(binary).flatMap(([name, op]): ConformanceCase[] => {
  const fn: ConformanceCase['fn'] = ({ a, b }) => ({ y: op(a!, b!) });
  const ints = {
    name: `${name} of int32`,
    fn,
    inputs: () => ({ a: integers(-7, 8, 4, 5), b: integers(1, 4, 5) }),
  };
  return [
    { name: `${name}, broadcasting both ways`, fn, inputs: () => ({ a: values(3, 1, 2), b: values(4, 1) }) },
    { name: `${name} with a scalar`, fn, inputs: () => ({ a: values(2, 3), b: values() }) },
    ints,
  ];
});

/** Cases of `lower-elementwise.ts`. */
export const elementwiseCases: ConformanceCase[] = [
  ...unaryCases,
  ...binaryCases,
  {
    name: 'addN of one, of several, of int32',
    fn: ({ a, b, i }) => ({
      one: tf.addN([a!]),
      three: tf.addN([a!, b!, a!]),
      ints: tf.addN([i!, i!]),
    }),
    inputs: () => ({ a: values(2, 3), b: values(3, 2).reshape([2, 3]), i: integers(-5, 5, 4) }),
  },
  {
    name: 'abs, sign, neg, relu, leakyRelu, step, clip of int32',
    fn: ({ x }) => ({
      abs: tf.abs(x!),
      neg: tf.neg(x!),
      relu: tf.relu(x!),
      leakyRelu: tf.leakyRelu(x!, 0.5),
      step: tf.step(x!),
      clip: tf.clipByValue(x!, -1, 2),
      float: tf.cast(x!, 'float32'),
      bool: tf.cast(x!, 'bool'),
    }),
    inputs: () => ({ x: integers(-3, 4, 3, 5) }),
  },
  {
    name: 'logic, and bool to numbers',
    fn: ({ a, b }) => ({
      and: tf.logicalAnd(a!, b!),
      or: tf.logicalOr(a!, b!),
      not: tf.logicalNot(a!),
      xor: tf.logicalXor(a!, b!),
      int: tf.cast(a!, 'int32'),
      float: tf.cast(b!, 'float32'),
    }),
    inputs: () => ({ a: bools(3, 4), b: bools(4) }),
  },
  {
    name: 'where, of float32, int32 and bool, broadcasting',
    fn: ({ c, x, y, i, b }) => ({
      floats: tf.where(c!, x!, y!),
      ints: tf.where(c!, i!, tf.onesLike(i!)),
      bools: tf.where(c!, b!, tf.logicalNot(b!)),
    }),
    inputs: () => ({
      c: bools(3, 1),
      x: values(3, 4),
      y: values(4),
      i: integers(-9, 9, 3, 4),
      b: bools(3, 4),
    }),
  },
  {
    name: 'Select of whole rows by a condition of rank 1',
    fn: ({ condition, t, e }) => ({ y: kernel('Select', { condition: condition!, t: t!, e: e! }) }),
    inputs: () => ({ condition: bools(5), t: values(5, 2), e: values(2, 5).reshape([5, 2]) }),
  },
  {
    name: 'EluGrad',
    fn: ({ x }) => ({ dx: tf.grad((v) => tf.elu(v))(x!) }),
    inputs: () => ({ x: values(7, 3) }),
    // y + 1 is rounded to float32 before the product here, not in tfjs's kernel: one rounding more.
    tolerance: 2.4e-7,
  },
];
