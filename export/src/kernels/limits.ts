import { tf } from '../tf.ts';
import type { KernelName } from './names.ts';
import type { TensorMeta } from './shape-rules.ts';

/** Why a kernel call has no result and what to do about it, or null. */
type Limit = (inputs: readonly TensorMeta[], attrs: object, outputs: readonly TensorMeta[]) => string | null;

interface WindowAttrs {
  readonly filterSize?: number | readonly [number, number];
  readonly dilations?: number | readonly [number, number];
  readonly dataFormat?: 'NHWC' | 'NCHW';
}

const pair = (x: number | readonly [number, number]) => (typeof x === 'number' ? ([x, x] as const) : x);

/** A window that reaches beyond the image has no place to stand. */
const windowFits: Limit = (inputs, attrs, outputs) => {
  const { filterSize, dilations, dataFormat } = attrs as WindowAttrs;
  const first = dataFormat === 'NCHW' ? 2 : 1;
  const spatial = (shape: readonly number[]) => shape.slice(first, first + 2);
  if (spatial(outputs[0]!.shape).every((size) => size > 0)) return null;
  const filter =
    filterSize === undefined ? (inputs[1]!.shape.slice(0, 2) as [number, number]) : pair(filterSize);
  const reach = filter.map((size, i) => (size - 1) * pair(dilations ?? 1)[i]! + 1);
  return (
    `a window of ${reach.join(' by ')} does not fit into an image of ${spatial(inputs[0]!.shape).join(' by ')} with ` +
    'its padding; take a smaller window or pad more'
  );
};

/** Nothing is the largest, the smallest or the mean of no values. */
const hasValues: Limit = ([x], attrs, outputs) => {
  const { axis, reductionIndices } = attrs as {
    axis?: number | number[];
    reductionIndices?: number | number[];
  };
  const axes = tf.util.parseAxisParam((axis ?? reductionIndices) as number[], [...x!.shape]);
  const empty = axes.find((i) => x!.shape[i] === 0);
  if (empty === undefined || outputs[0]!.shape.includes(0)) return null;
  return `there is no extreme or mean of no values: axis ${empty} of [${x!.shape}] is empty; leave the case out`;
};

/** A scalar has no axis along which there is more than itself. */
const hasAxis: Limit = ([x]) =>
  x!.shape.length > 0 ? null : 'expected a tensor of rank 1 or more, got a scalar; reshape it to [1]';

const shapes = (inputs: readonly TensorMeta[]) => inputs.map(({ shape }) => `[${shape}]`).join(', ');

/** tf.where leaves an axis of one entry as it is that should become one of none. */
const choosesAlike: Limit = (inputs) => {
  const [condition, yes, no] = inputs.map(({ shape }) => String(shape)) as [string, string, string];
  const rows = inputs[0]!.shape.length === 1 && inputs[0]!.shape[0] === inputs[1]!.shape[0];
  if (yes === no && (condition === yes || rows)) return null;
  return `expected a condition and two choices of one shape, got ${shapes(inputs)}; reshape or slice them to it first`;
};

/** tfjs reads beyond the ids, or leaves rows out. */
const hasIdPerRow: Limit = (inputs) => {
  const [x, ids] = inputs as readonly [TensorMeta, TensorMeta];
  if (ids.shape.every((size, i) => size === x.shape[i])) return null;
  return `expected a segment id for every row, got values and ids of shapes ${shapes(inputs)}`;
};

const limits: { readonly [K in KernelName]?: Limit } = {
  ArgMax: hasValues,
  ArgMin: hasValues,
  AvgPool: windowFits,
  Conv2D: windowFits,
  Cumprod: hasAxis,
  Cumsum: hasAxis,
  DepthwiseConv2dNative: windowFits,
  Max: hasValues,
  MaxPool: windowFits,
  Mean: hasValues,
  Min: hasValues,
  Select: choosesAlike,
  Softmax: hasAxis,
  UnsortedSegmentSum: hasIdPerRow,
};

/**
 * Why a call has no result, or one that no runtime agrees on, and the cure: a window larger than its image, an extreme
 * or mean of no values, sums along an axis of a scalar, shapes that do not go together,
 * a part that begins behind the end. tfjs returns tensors of negative size, or what stood in memory, and onnxruntime stops.
 * @returns null where nothing is wrong
 */
export function limitOf(
  kernel: KernelName,
  inputs: readonly TensorMeta[],
  attrs: object,
  outputs: readonly TensorMeta[],
): string | null {
  const own = limits[kernel]?.(inputs, attrs, outputs) ?? null;
  if (own !== null) return own;
  const wrong = outputs.find(({ shape }) => shape.some((size) => !Number.isInteger(size) || size < 0));
  if (wrong === undefined) return null;
  return `gives a tensor of shape [${wrong.shape}], from ${shapes(inputs)}; take what lies inside`;
}
