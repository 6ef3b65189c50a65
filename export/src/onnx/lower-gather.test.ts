import { tf } from '../tf.ts';
import { describeConformance } from './conformance.ts';
import { gatherLowerings } from './lower-gather.ts';

await tf.setBackend('cpu');

const ints = (values: number[], shape: number[] = [values.length]) => tf.tensor(values, shape, 'int32');
const counted = (...shape: number[]) =>
  tf.reshape(
    tf.range(
      0,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
/** The first of each row of indices. */
const firsts = (i: tf.Tensor) => tf.reshape(tf.slice(i, [0, 0, 0], [2, 3, 1]), [2, 3]);
const exact = { tolerance: 0, elementwise: true };

describeConformance('gather and scatter lowerings', gatherLowerings, [
  {
    name: 'gather along every axis, by a scalar, a vector and a matrix, of every type',
    fn: ({ x, i, s, m, v, b }) => ({
      rows: tf.gather(x!, i!),
      middle: tf.gather(x!, i!, 1),
      last: tf.gather(x!, m!, -1),
      one: tf.gather(x!, s!, 1),
      ints: tf.gather(v!, m!),
      bools: tf.gather(b!, i!),
    }),
    inputs: () => ({
      x: counted(2, 3, 2),
      i: ints([1, 0, 1]),
      s: tf.scalar(1, 'int32'),
      m: ints([0, 1, 1, 0], [2, 2]),
      v: ints([5, 6, 7]),
      b: tf.tensor1d([1, 0, 1], 'bool'),
    }),
    ...exact,
  },
  {
    name: 'gather in batches, at and behind the batch axis',
    fn: ({ x, i }) => ({
      behind: tf.gather(x!, i!, 2, 1),
      at: tf.gather(x!, i!, 1, 1),
      last: tf.gather(x!, i!, 3, 1),
    }),
    inputs: () => ({ x: counted(2, 3, 4, 3), i: ints([0, 2, 1, 1, 0, 2], [2, 3]) }),
    ...exact,
  },
  {
    name: 'gather in two batch dimensions, and of one entry for each batch',
    fn: ({ x, i, one }) => ({
      two: tf.gather(x!, i!, 2, 2),
      behindTwo: tf.gather(x!, i!, 3, 2),
      oneEach: tf.gather(x!, one!, 2, 1),
      oneEachOfTwo: tf.gather(x!, firsts(i!), 2, 2),
    }),
    inputs: () => ({
      x: counted(2, 3, 2, 4),
      i: ints([0, 1, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1], [2, 3, 2]),
      one: ints([1, 0]),
    }),
    ...exact,
  },
  {
    name: 'gatherND of elements and of rows, of bools',
    fn: ({ x, e, r, b }) => ({
      elements: tf.gatherND(x!, e!),
      rows: tf.gatherND(x!, r!),
      bools: tf.gatherND(b!, r!),
    }),
    inputs: () => ({
      x: counted(3, 4),
      e: ints([2, 3, 0, 1], [2, 2]),
      r: ints([2, 0, 2, 1], [2, 2, 1]),
      b: tf.tensor1d([1, 0, 1], 'bool'),
    }),
    ...exact,
  },
  {
    name: 'scatterND adds up repeated places, also of int32; an update replaces',
    fn: ({ i, u, v, t, w, once }) => ({
      floats: tf.scatterND(i!, u!, [4, 3]),
      ints: tf.scatterND(i!, v!, [4]),
      updated: tf.tensorScatterUpdate(t!, once!, tf.slice(u!, 0, 2)),
      updatedInts: tf.tensorScatterUpdate(w!, once!, tf.slice(v!, 1, 2)),
    }),
    inputs: () => ({
      i: ints([2, 0, 2], [3, 1]),
      once: ints([2, 0], [2, 1]),
      u: counted(3, 3),
      v: ints([1, -2, 3]),
      w: ints([7, 8, 9]),
      t: tf.ones([4, 3]),
    }),
    ...exact,
  },
  {
    name: 'oneHot: places outside the range, other values, every type',
    fn: ({ i, s }) => ({
      floats: tf.oneHot(i!, 4, 1, 0, 'float32'),
      ints: tf.oneHot(i!, 4),
      bools: tf.oneHot(i!, 4, 1, 0, 'bool'),
      inverted: tf.oneHot(i!, 4, 0, 1, 'bool'),
      soft: tf.oneHot(i!, 3, 0.75, 0.125, 'float32'),
      scalar: tf.oneHot(s!, 3),
    }),
    inputs: () => ({ i: ints([0, 3, -1, 2, 4, 1], [2, 3]), s: tf.scalar(1, 'int32') }),
    ...exact,
  },
  {
    name: 'UnsortedSegmentSum: ids out of range, empty segments, rank 1 and 3',
    fn: ({ x, v, ids }) => ({
      rows: tf.unsortedSegmentSum(x!, ids! as tf.Tensor1D, 4),
      scalars: tf.unsortedSegmentSum(v!, ids! as tf.Tensor1D, 3),
    }),
    inputs: () => ({ x: counted(6, 2, 3), v: counted(6), ids: ints([2, 0, 2, -1, 7, 0]) }),
    ...exact,
  },
  {
    name: 'for any batch size, with the gradient of a table look-up',
    fn: ({ x, i }) => ({
      columns: tf.gather(x!, tf.tensor1d([2, 0], 'int32'), 1),
      own: tf.gather(x!, i!, 1, 1),
      hot: tf.oneHot(i!, 3),
      table: tf.grad((w) => tf.sum(tf.square(tf.gather(w, tf.reshape(i!, [i!.size])))))(counted(3, 2)),
    }),
    inputs: () => ({ x: counted(4, 3), i: ints([0, 2, 1, 1, 2, 0, 0, 0], [4, 2]) }),
    batched: true,
    ...exact,
  },
]);
