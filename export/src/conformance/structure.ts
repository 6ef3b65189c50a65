import { tf } from '../tf.ts';
import { bools, type ConformanceCase, integers, kernel, values } from './case.ts';

/** Cases of `lower-reduction.ts`, `lower-shape.ts`, `lower-indexing.ts` and `lower-matmul.ts`. */
export const structureCases: ConformanceCase[] = [
  ...(['sum', 'mean', 'max', 'min', 'prod'] as const).flatMap((op): ConformanceCase[] => [
    {
      name: `${op} over axes, kept or not, of every rank`,
      fn: ({ x, v, s }) => ({
        all: tf[op](x!),
        last: tf[op](x!, -1),
        some: tf[op](x!, [0, 2], true),
        vector: tf[op](v!, 0, true),
        scalar: tf[op](s!),
      }),
      inputs: () => ({ x: values(2, 3, 4, 1), v: values(1), s: values() }),
    },
    {
      name: `${op} of int32`,
      fn: ({ x }) => ({ y: tf[op](x!, 1) }),
      inputs: () => ({ x: integers(-4, 5, 3, 4) }),
    },
  ]),
  {
    name: 'any, all',
    fn: ({ x }) => ({ any: tf.any(x!, -1), all: tf.all(x!, [0, 1], true) }),
    inputs: () => ({ x: bools(3, 2) }),
  },
  {
    name: 'argMax, argMin with ties',
    fn: ({ x }) => ({ max: tf.argMax(x!, -1), min: tf.argMin(x!, 0), first: tf.argMax(x!, 1) }),
    inputs: () => ({ x: tf.floor(values(4, 5, 2)) }),
  },
  {
    name: 'cumsum, cumprod, exclusive and reversed',
    fn: ({ x, i }) => ({
      plain: tf.cumsum(x!, 1),
      exclusive: tf.cumsum(x!, 2, true),
      reverse: tf.cumsum(x!, 0, true, true),
      product: tf.cumprod(x!, 1, false, true),
      ints: tf.cumsum(i!, 0),
    }),
    inputs: () => ({ x: values(2, 3, 4), i: integers(-3, 4, 5) }),
  },
  {
    name: 'softmax and its gradient',
    fn: ({ x }) => ({ y: tf.softmax(x!), dx: tf.grad((v) => tf.square(tf.softmax(v)).sum())(x!) }),
    inputs: () => ({ x: values(3, 5) }),
  },
  {
    name: 'LogSoftmax',
    fn: ({ logits }) => ({ y: kernel('LogSoftmax', { logits: logits! }, { axis: 1 }) }),
    inputs: () => ({ logits: values(3, 5) }),
    // A composition in tfjs, whose backends have no such kernel.
    reference: ({ logits }) => ({ y: tf.logSoftmax(logits!) }),
  },
  {
    name: 'topk',
    fn: ({ x }) => tf.topk(x!, 2) as unknown as Record<string, tf.Tensor>,
    inputs: () => ({ x: values(3, 5) }),
  },
  {
    name: 'sums of no products, and products without rows',
    fn: ({ x, f, rows }) => ({
      square: tf.matMul(x!, x!, true),
      batched: tf.matMul(tf.expandDims(x!, 0), tf.ones([2, 0, 3]), true),
      einsum: tf.einsum('ij,ik->jk', x!, x!),
      noRows: tf.matMul(rows!, tf.ones([2, 4])),
      conv: tf.conv2d(f as tf.Tensor4D, tf.ones([2, 2, 0, 3]) as tf.Tensor4D, 1, 'same'),
    }),
    inputs: () => ({ x: values(0, 2), f: values(1, 3, 3, 0), rows: values(0, 2) }),
  },
  {
    name: 'topk of bool, of int32 and of no rows',
    fn: ({ b, i, none }) => ({
      bools: tf.topk(b!, 2).values,
      ints: tf.topk(i!, 2).values,
      ...(tf.topk(none!, 2) as unknown as Record<string, tf.Tensor>),
    }),
    inputs: () => ({ b: bools(3, 5), i: integers(-9, 9, 3, 5), none: values(0, 5) }),
  },
  {
    name: 'reshape, transpose, expandDims, with size 1 and 0',
    fn: ({ x, s, e }) => ({
      merged: tf.reshape(x!, [6, -1]),
      turned: tf.transpose(x!, [2, 0, 1]),
      deeper: tf.expandDims(x!, -1),
      kernel: kernel('ExpandDims', { input: s! }, { dim: 0 }),
      scalar: tf.transpose(s!),
      empty: tf.reshape(e!, [3, 0]),
    }),
    inputs: () => ({ x: values(2, 3, 1), s: values(), e: values(0, 2) }),
  },
  {
    name: 'concat, stack, unstack, split',
    fn: ({ a, b, i }) => {
      const [left, right] = tf.split(a!, [1, 2], -1);
      const thirds = tf.split(a!, 3, 1);
      return {
        wide: tf.concat([a!, b!, a!], 1),
        one: tf.concat([a!], 0),
        stacked: tf.stack([a!, a!], -1),
        ints: tf.stack(tf.unstack(i!).reverse()),
        columns: tf.concat(tf.unstack(a!, 1).reverse(), 0),
        left: left!,
        right: right!,
        third: thirds[2]!,
      };
    },
    inputs: () => ({ a: values(2, 3), b: values(2, 1), i: integers(0, 9, 3) }),
  },
  {
    name: 'slice and strided slice',
    fn: ({ x, v }) => ({
      part: tf.slice(x!, [0, 1], [1, -1]),
      tail: tf.slice(v!, 2),
      scalar: tf.slice(v!, [0], [1]).squeeze(),
      strided: tf.stridedSlice(x!, [0, 3, 0], [2, 0, 2], [1, -2, 1]),
      masked: tf.stridedSlice(x!, [1, 0, 1], [2, 9, 2], [1, 1, 1], 2, 2, 0, 0, 4),
      newAxis: tf.stridedSlice(x!, [0, 0], [1, 1], [1, 1], 0, 0, 0, 1, 0),
    }),
    inputs: () => ({ x: values(2, 4, 3), v: values(5) }),
  },
  {
    name: 'pad, mirror pad, tile, broadcast, reverse',
    fn: ({ x, i }) => ({
      padded: tf.pad(
        x!,
        [
          [1, 0],
          [0, 2],
        ],
        0.3,
      ),
      ints: tf.pad(i!, [[2, 1]], -7),
      reflected: tf.mirrorPad(
        x!,
        [
          [1, 1],
          [2, 0],
        ],
        'reflect',
      ),
      symmetric: tf.mirrorPad(
        x!,
        [
          [0, 1],
          [3, 2],
        ],
        'symmetric',
      ),
      tiled: tf.tile(x!, [2, 3]),
      wide: tf.broadcastTo(i!, [2, 4]),
      turned: tf.reverse(x!, -1),
      both: tf.reverse(x!),
    }),
    inputs: () => ({ x: values(2, 3), i: integers(-9, 9, 4) }),
  },
  {
    name: 'BroadcastTo and a cumulative sum along a negative axis',
    fn: ({ x }) => ({
      y: kernel('BroadcastTo', { x: x! }, { shape: [2, 3, 4] }),
      z: tf.cumsum(x!, -2),
    }),
    // No backend of tfjs has the first kernel.
    reference: ({ x }) => ({ y: tf.broadcastTo(x!, [2, 3, 4]), z: tf.cumsum(x!, -2) }),
    inputs: () => ({ x: values(3, 1) }),
  },
  {
    name: 'fill, range, linspace',
    fn: ({ x }) => ({
      small: tf.fill([2, 2], 0.1),
      large: tf.fill([10, 10], 0.1),
      ints: tf.fill([3], -4, 'int32'),
      bools: tf.fill([70, 2], 1, 'bool'),
      range: tf.range(0, 1, 0.1),
      down: tf.range(5, 1, -2, 'int32'),
      none: tf.range(2, 2),
      line: tf.linspace(0, 1, 7),
      point: tf.linspace(3, 9, 1),
      given: x!,
    }),
    inputs: () => ({ x: values(1) }),
  },
  {
    name: 'space to batch and back, depth to space',
    fn: ({ x, y }) => ({
      batch: tf.spaceToBatchND(
        x!,
        [2, 3],
        [
          [1, 0],
          [0, 1],
        ],
      ),
      space: tf.batchToSpaceND(
        y!,
        [2, 2],
        [
          [0, 1],
          [1, 0],
        ],
      ),
      depth: tf.depthToSpace(y! as tf.Tensor4D, 2, 'NHWC'),
    }),
    inputs: () => ({ x: values(1, 3, 5, 2), y: values(4, 2, 3, 4) }),
  },
  {
    name: 'gather, along axes and in batches',
    fn: ({ x, i, p }) => ({
      rows: tf.gather(x!, i!),
      columns: tf.gather(x!, tf.slice(i!, [1, 0], [1, 3]).flatten(), -1),
      batched: tf.gather(x!, i!, 1, 1),
      nd: tf.gatherND(x!, p!),
    }),
    inputs: () => ({
      x: values(2, 3, 3),
      i: integers(0, 2, 2, 3),
      p: tf.tensor2d([1, 2, 0, 0], [2, 2], 'int32'),
    }),
  },
  {
    name: 'scatter with repeated indices, update, one-hot',
    fn: ({ p, u, t, i }) => ({
      scattered: tf.scatterND(p!, u!, [4, 3]),
      updated: tf.tensorScatterUpdate(t!, p!, u!),
      hot: tf.oneHot(i!, 4),
      soft: tf.oneHot(i!, 3, 0.9, 0.05, 'float32'),
    }),
    inputs: () => ({
      p: tf.tensor2d([2, 0, 2], [3, 1], 'int32'),
      u: values(3, 3),
      t: values(4, 3),
      i: tf.tensor2d([0, 3, -1, 2], [2, 2], 'int32'),
    }),
    // A repeated index in an update: the last one wins on both sides, as both are the same kernel.
  },
  {
    name: 'UnsortedSegmentSum, with ids out of range and empty segments',
    fn: ({ x, v, ids }) => ({
      rows: tf.unsortedSegmentSum(x!, ids! as tf.Tensor1D, 4),
      scalars: tf.unsortedSegmentSum(v!, ids! as tf.Tensor1D, 3),
    }),
    inputs: () => ({
      x: values(6, 2, 3),
      v: values(6),
      ids: tf.tensor1d([2, 0, 2, -1, 7, 0], 'int32'),
    }),
    // Sums of two terms, taken in float64 or float32: one rounding.
    tolerance: 1.2e-7,
  },
  {
    name: 'the gradient of gather',
    fn: ({ x, i }) => ({ dx: tf.grad((v) => tf.square(tf.gather(v, i! as tf.Tensor1D)).sum())(x!) }),
    inputs: () => ({ x: values(4, 3), i: integers(0, 4, 6) }),
    tolerance: 2.4e-7,
  },
  {
    name: 'matMul, transposed, batched, broadcast over the batch',
    fn: ({ a, b, c, d }) => ({
      plain: tf.matMul(a!, b!),
      both: tf.matMul(a!, b!, true, true),
      batched: tf.matMul(c!, d!, false, true),
      broadcast: tf.matMul(tf.slice(c!, 0, 1), d!, true, false),
    }),
    inputs: () => ({ a: values(3, 3), b: values(3, 3), c: values(2, 3, 4), d: values(2, 3, 4) }),
  },
  {
    name: 'einsum, with capitals',
    fn: ({ a, b }) => ({
      product: tf.einsum('bij, bjk -> bik', a!, b!),
      capitals: tf.einsum('aIJ,aJk->kI', a!, b!),
      trace: tf.einsum('abc->b', a!),
    }),
    inputs: () => ({ a: values(2, 3, 4), b: values(2, 4, 3) }),
  },
];
