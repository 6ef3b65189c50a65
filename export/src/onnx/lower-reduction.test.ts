import { expect, it } from 'vitest';
import { tf } from '../tf.ts';
import type { NamedTensors } from '../trace/trace.ts';
import { describeConformance, type OnnxCase, recordFor } from './conformance.ts';
import { reductionLowerings } from './lower-reduction.ts';
import { writeOnnx } from './write.ts';

await tf.setBackend('cpu');

const noise = (shape: number[], seed: number) => tf.randomUniform(shape, -2, 2, 'float32', seed);
const exact = { tolerance: 0, elementwise: true };
/** Sums of up to 24 numbers below 2, and products of as many, in another order: a few roundings of 1.2e-7. */
const reordered = { tolerance: 1e-6, elementwise: true };

const reductions: Record<string, (x: tf.Tensor, axis?: number | number[], keepDims?: boolean) => tf.Tensor> =
  {
    max: tf.max,
    mean: tf.mean,
    min: tf.min,
    prod: tf.prod,
    sum: tf.sum,
  };

const reductionCases = Object.entries(reductions).map(
  ([name, reduce]): OnnxCase => ({
    name: `${name}: all, last, several and no axes, kept or not, of every rank and type`,
    fn: ({ x, v, s, i, b }) => ({
      all: reduce(x!),
      last: reduce(x!, -1),
      several: reduce(x!, [2, 0], true),
      none: reduce(x!, []),
      vector: reduce(v!, 0, true),
      scalar: reduce(s!),
      ints: reduce(i!, 1),
      bools: reduce(b!, 0),
    }),
    inputs: () => ({
      x: noise([2, 3, 4, 1], 1),
      v: noise([1], 2),
      s: tf.scalar(-3),
      i: tf.tensor2d([3, -4, 5, 0, 2, 2], [2, 3], 'int32'),
      b: tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], 'bool'),
    }),
    ...reordered,
  }),
);

describeConformance('reduction lowerings', reductionLowerings, [
  ...reductionCases,
  {
    name: 'sums and products of nothing',
    fn: ({ x }) => ({ sum: tf.sum(x!, 0), prod: tf.prod(x!, 0) }),
    inputs: () => ({ x: tf.zeros([0, 2]) }),
    ...exact,
  },
  {
    name: 'any and all',
    fn: ({ x }) => ({
      any: tf.any(x!, -1),
      all: tf.all(x!, [0], true),
      anyOfAll: tf.any(x!),
      allOfAll: tf.all(x!),
    }),
    inputs: () => ({ x: tf.tensor2d([1, 0, 0, 0, 1, 1], [3, 2], 'bool') }),
    ...exact,
  },
  {
    name: 'argMax and argMin: the first of ties, every type',
    fn: ({ x, i, b }) => ({
      max: tf.argMax(x!, -1),
      min: tf.argMin(x!, 0),
      middle: tf.argMax(x!, 1),
      ints: tf.argMax(i!),
      smallest: tf.argMin(i!),
      bools: tf.argMax(b!),
    }),
    inputs: () => ({
      x: tf.floor(noise([4, 5, 2], 3)),
      i: tf.tensor1d([1, 5, 5, 0, 0], 'int32'),
      b: tf.tensor1d([0, 1, 1], 'bool'),
    }),
    ...exact,
  },
  {
    name: 'cumsum and cumprod: exclusive, reversed, int32 and bool, lengths 1 to 5',
    fn: ({ x, v, b }: NamedTensors) =>
      Object.fromEntries(
        [false, true].flatMap((exclusive) =>
          [false, true].flatMap((reverse) => {
            const mode = `${exclusive ? 'Exclusive' : ''}${reverse ? 'Reverse' : ''}`;
            return [0, 1, 2].flatMap((axis) => [
              [`sum${axis}${mode}`, tf.cumsum(x!, axis, exclusive, reverse)],
              [`product${axis}${mode}`, tf.cumprod(x!, axis, exclusive, reverse)],
              [`intSum${axis}${mode}`, tf.cumsum(v!, 0, exclusive, reverse)],
              [`intProduct${axis}${mode}`, tf.cumprod(v!, 0, exclusive, reverse)],
              [`boolSum${axis}${mode}`, tf.cumsum(b!, 0, exclusive, reverse)],
            ]);
          }),
        ),
      ),
    inputs: () => ({
      x: noise([1, 5, 4], 4),
      v: tf.tensor1d([2, -3, 4], 'int32'),
      b: tf.tensor1d([1, 0, 1, 1], 'bool'),
    }),
    ...reordered,
  },
  {
    name: 'softmax, also of rows that hold -Infinity',
    fn: ({ x, masked }) => ({ y: tf.softmax(x!), z: tf.softmax(masked!) }),
    inputs: () => ({
      x: noise([2, 3, 5], 5),
      masked: tf.tensor2d([-Infinity, 0, 1, -Infinity, -Infinity, -Infinity], [2, 3]),
    }),
    ...reordered,
  },
  {
    name: 'LogSoftmax, also of large numbers',
    fn: ({ logits }) => ({
      y: tf.engine().runKernel('LogSoftmax', { logits: logits! }, { axis: -1 }) as tf.Tensor,
    }),
    // A composition in tfjs, whose CPU backend has no such kernel.
    reference: ({ logits }) => ({ y: tf.logSoftmax(logits!) }),
    inputs: () => ({ logits: tf.concat([noise([3, 5], 6), tf.add(noise([1, 5], 7), 1000)]) }),
    // At 1000 a float32 holds steps of 6e-5, but the largest is subtracted exactly before anything is rounded.
    ...reordered,
  },
  {
    name: 'topk: the first of ties, int32',
    fn: ({ x, i }) => {
      const [floats, ints] = [tf.topk(x!, 3), tf.topk(i!, 2)];
      return {
        values: floats.values,
        indices: floats.indices,
        intValues: ints.values,
        intIndices: ints.indices,
      };
    },
    inputs: () => ({
      x: tf.tensor2d([1, 3, 3, 2, 3, 1, 1, 1], [2, 4]),
      i: tf.tensor1d([5, 9, 9, 1], 'int32'),
    }),
    ...exact,
  },
  {
    name: 'reductions for any batch size',
    fn: ({ x }) => ({
      sum: tf.sum(x!, 1),
      meanOfBatch: tf.mean(x!, 0),
      argMax: tf.argMax(x!, 0),
      cumsum: tf.cumsum(x!, 0),
      product: tf.cumprod(x!, 1),
      softmax: tf.softmax(x!),
    }),
    inputs: () => ({ x: noise([4, 3], 8) }),
    batched: true,
    ...reordered,
  },
]);

it('refuses a running product along the batch, naming the place', () => {
  const fn = ({ x }: NamedTensors) => ({ y: tf.cumprod(x!, 0) });
  const graph = recordFor(fn, { x: noise([4, 3], 1) }, true);
  expect(() => writeOnnx(graph, { name: 'test' })).toThrow(
    /Cumprod at .*lower-reduction\.test\.ts:.*b entries.*batch/,
  );
});
