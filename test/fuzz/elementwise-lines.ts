import type { Draw, Known, Line } from './draw.ts';

/** `$` stands for the tensor, `@` for a second one that broadcasts with it. */
const smooth = [
  'tf.tanh($)',
  'tf.exp(tf.clipByValue($, -5, 3))',
  'tf.sigmoid($)',
  'tf.softplus($)',
  'tf.sin($)',
  'tf.cos($)',
  'tf.erf($)',
  'tf.elu($)',
  'tf.selu($)',
  'tf.expm1(tf.tanh($))',
  'tf.log1p(tf.abs($))',
  'tf.log(tf.add(tf.abs($), 0.5))',
  'tf.sqrt(tf.add(tf.abs($), 0.25))',
  'tf.rsqrt(tf.add(tf.abs($), 0.25))',
  'tf.reciprocal(tf.add(tf.abs($), 0.5))',
  'tf.atan($)',
  'tf.tan(tf.tanh($))',
  'tf.sinh(tf.tanh($))',
  'tf.cosh(tf.tanh($))',
  'tf.asin(tf.mul(tf.tanh($), 0.9))',
  'tf.acos(tf.mul(tf.tanh($), 0.9))',
  'tf.asinh($)',
  'tf.acosh(tf.add(tf.abs($), 1.5))',
  'tf.atanh(tf.mul(tf.tanh($), 0.9))',
  'tf.leakyRelu($, 0.25)',
];
const continuous = [
  'tf.neg($)',
  'tf.abs($)',
  'tf.relu($)',
  'tf.relu6($)',
  'tf.square($)',
  'tf.clipByValue($, -1, 1.5)',
  'tf.onesLike($)',
  'tf.zerosLike($)',
  'tf.clone($)',
];
const jumping = [
  'tf.floor($)',
  'tf.ceil($)',
  'tf.round($)',
  'tf.sign($)',
  'tf.step($)',
  'tf.step($, 0.5)',
  'tf.cast($, "int32")',
  'tf.cast($, "bool")',
  'tf.isNaN($)',
  'tf.isFinite($)',
  'tf.isInf($)',
];
const ofIntegers = [
  'tf.neg($)',
  'tf.abs($)',
  'tf.relu($)',
  'tf.square($)',
  'tf.sign($)',
  'tf.clipByValue($, -2, 3)',
  'tf.cast($, "float32")',
  'tf.cast($, "bool")',
  'tf.leakyRelu($, 0.5)',
  'tf.step($)',
  'tf.sigmoid($)',
  'tf.exp($)',
  'tf.onesLike($)',
  'tf.pow($, tf.scalar(2, "int32"))',
];
const ofBools = ['tf.logicalNot($)', 'tf.cast($, "int32")', 'tf.cast($, "float32")', 'tf.zerosLike($)'];

const arithmetic = [
  'tf.add($, @)',
  'tf.sub($, @)',
  'tf.mul($, @)',
  'tf.maximum($, @)',
  'tf.minimum(@, $)',
  'tf.squaredDifference($, @)',
];
const ofFloats = [
  'tf.div($, tf.add(tf.abs(@), 0.5))',
  'tf.pow(tf.add(tf.abs($), 0.5), tf.clipByValue(@, -2, 2))',
  'tf.atan2($, tf.add(tf.abs(@), 0.25))',
  'tf.prelu($, @)',
];
const remainders = ['tf.mod($, tf.add(tf.abs(@), 1))', 'tf.floorDiv($, tf.add(tf.abs(@), 1))'];
const ofTwoIntegers = [
  'tf.mod($, tf.add(tf.abs(@), tf.scalar(1, "int32")))',
  'tf.floorDiv($, tf.add(tf.abs(@), tf.scalar(1, "int32")))',
  'tf.div($, tf.add(tf.abs(@), tf.scalar(1, "int32")))',
  'tf.atan2($, @)',
];
const comparisons = ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'].map(
  (name) => `tf.${name}($, @)`,
);
const logic = ['tf.logicalAnd($, @)', 'tf.logicalOr(@, $)', 'tf.logicalXor($, @)'];

/** One tensor, element by element. */
export function unary(draw: Draw, x: Known): Line {
  const put = (template: string) => template.replaceAll('$', x.name);
  if (x.dtype === 'bool') return { text: put(draw.oneOf(ofBools)), exact: true };
  if (x.dtype === 'int32') return { text: put(draw.oneOf(ofIntegers)), exact: true };
  const kind = draw.below(3);
  if (kind === 0) return { text: put(draw.oneOf(continuous)), exact: x.exact };
  if (kind === 1 && x.exact) return { text: put(draw.oneOf(jumping)), exact: true };
  return { text: put(draw.oneOf(smooth)), exact: false };
}

/** Whether shapes broadcast, as NumPy has it. */
function broadcasts(a: readonly number[], b: readonly number[]): boolean {
  return a.every((size, i) => {
    const other = b[b.length - a.length + i];
    return other === undefined || other === size || other === 1 || size === 1;
  });
}

/** Two tensors, element by element with broadcasting. */
export function binary(draw: Draw, x: Known): Line | null {
  const fits = (y: Known) => broadcasts(x.shape, y.shape) && (x.dtype === 'bool') === (y.dtype === 'bool');
  const y = draw.tensor(fits);
  if (y === null) return null;
  const exact = x.exact && y.exact;
  const put = (template: string) => template.replaceAll('$', x.name).replaceAll('@', y.name);
  if (x.dtype === 'bool') return { text: put(draw.oneOf(logic)), exact };
  const kind = draw.below(5);
  if (kind === 0 && exact) return { text: put(draw.oneOf(comparisons)), exact };
  const integers = x.dtype === 'int32' && y.dtype === 'int32';
  if (kind === 1 && exact) return { text: put(draw.oneOf(integers ? ofTwoIntegers : remainders)), exact };
  if (kind === 2 && !integers) return { text: put(draw.oneOf(ofFloats)), exact: false };
  return { text: put(draw.oneOf(arithmetic)), exact };
}

/** A choice between two tensors by a third. */
export function choice(draw: Draw, x: Known): Line | null {
  const other = draw.tensor((y) => y.dtype === x.dtype && broadcasts(x.shape, y.shape));
  const condition = draw.tensor((y) => y.dtype === 'bool' && broadcasts(x.shape, y.shape));
  if (other === null || condition === null) return null;
  return { text: `tf.where(${condition.name}, ${x.name}, ${other.name})`, exact: x.exact && other.exact };
}
