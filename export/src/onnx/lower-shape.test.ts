import { expect, it } from 'vitest';
import { tf } from '../tf.ts';
import type { NamedTensors } from '../trace/trace.ts';
import { describeConformance, type OnnxCase, recordFor } from './conformance.ts';
import { shapeLowerings } from './lower-shape.ts';
import { sliceLowerings } from './lower-slice.ts';
import { writeOnnx } from './write.ts';

await tf.setBackend('cpu');

const counted = (...shape: number[]) =>
  tf.reshape(
    tf.range(
      0,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });
const numbered = (prefix: string, tensors: tf.Tensor[]) =>
  tensors.map((x, i) => [`${prefix}${i}`, x] as const);
/** Nothing here computes: values move, and must be the very same. */
const exact = { tolerance: 0, elementwise: true };

const moving: OnnxCase[] = [
  {
    name: 'reshape, transpose, expandDims of ranks 0 to 5, with sizes 1 and 0',
    fn: ({ x, s, e, five, b }) => ({
      merged: tf.reshape(x!, [6, -1]),
      turned: tf.transpose(x!, [2, 0, 1]),
      deeper: kernel('ExpandDims', { input: x! }, { dim: -2 }),
      vector: kernel('ExpandDims', { input: s! }, { dim: 0 }),
      scalar: tf.reshape(tf.slice(x!, [1, 2, 0], [1, 1, 1]), []),
      empty: tf.reshape(e!, [3, 0]),
      rank5: tf.transpose(five!, [4, 1, 3, 0, 2]),
      bools: tf.transpose(b!),
    }),
    inputs: () => ({
      x: counted(2, 3, 1),
      s: tf.scalar(4),
      e: tf.zeros([0, 2]),
      five: counted(2, 1, 3, 2, 2),
      b: tf.tensor2d([1, 0, 0, 1, 1, 0], [2, 3], 'bool'),
    }),
    ...exact,
  },
  {
    name: 'concat, with an empty tensor; stack at the front and in between',
    fn: ({ x, y, e }) => ({
      wide: tf.concat([x!, y!, x!], -1),
      one: tf.concat([x!], 0),
      empty: tf.concat([e!, x!], 0),
      front: tf.stack([x!, x!]),
      middle: tf.stack([x!, tf.neg(x!)], 1),
      bools: tf.stack([tf.cast(x!, 'bool'), tf.cast(x!, 'bool')]),
    }),
    inputs: () => ({ x: counted(2, 3), y: counted(2, 1), e: tf.zeros([0, 3]) }),
    ...exact,
  },
  {
    name: 'split evenly, unevenly, into one and into thirteen; unstack along the last axis',
    fn: ({ x, l }: NamedTensors) =>
      Object.fromEntries([
        ...numbered('even', tf.split(x!, 3, 1)),
        ...numbered('uneven', tf.split(x!, [1, 2], -1)),
        ...numbered('one', tf.split(x!, 1, 0)),
        ...numbered('many', tf.split(l!, 13)),
        ...numbered('column', tf.unstack(x!, -1)),
        ...numbered('bool', tf.unstack(tf.cast(x!, 'bool'))),
      ]),
    inputs: () => ({ x: counted(2, 3), l: counted(26) }),
    ...exact,
  },
  {
    name: 'slice: to the end, by a number, of nothing, of bools',
    fn: ({ x, v }) => ({
      part: tf.slice(x!, [0, 1], [1, -1]),
      tail: tf.slice(v!, 2),
      rows: kernel('Slice', { x: x! }, { begin: 1, size: [1, 4] }),
      none: tf.slice(v!, [3], [0]),
      bools: tf.slice(tf.cast(v!, 'bool'), 0, 2),
    }),
    // As a number, begin is that of the first axis; tfjs's kernel takes lists only.
    reference: ({ x, v }) => ({
      part: tf.slice(x!, [0, 1], [1, -1]),
      tail: tf.slice(v!, 2),
      rows: tf.slice(x!, [1, 0], [1, 4]),
      none: tf.slice(v!, [3], [0]),
      bools: tf.slice(tf.cast(v!, 'bool'), 0, 2),
    }),
    inputs: () => ({ x: counted(2, 4), v: counted(5) }),
    ...exact,
  },
  {
    name: 'strided slice: steps of both signs, out of range, masks, new and removed axes, nothing',
    fn: ({ x, v }) => ({
      strided: tf.stridedSlice(x!, [0, 3, 0], [2, 0, 2], [1, -2, 1]),
      masked: tf.stridedSlice(x!, [1, 0, 1], [2, 9, 2], [1, 1, 1], 2, 2, 0, 0, 4),
      newAxis: tf.stridedSlice(x!, [0, 0], [1, 1], [1, 1], 0, 0, 0, 1, 0),
      ellipsis: tf.stridedSlice(x!, [0, 1], [0, 2], [1, 1], 0, 0, 1, 0, 2),
      backwards: tf.stridedSlice(v!, [-1], [-10], [-2]),
      every: tf.stridedSlice(v!, [1], [7], [3]),
      none: tf.stridedSlice(v!, [3], [3], [-1]),
    }),
    inputs: () => ({ x: counted(2, 4, 3), v: counted(7) }),
    ...exact,
  },
  {
    name: 'pad, mirror pad and reverse, of every type',
    fn: ({ x, i, e }) => {
      const ends: [number, number][] = [
        [1, 0],
        [0, 2],
      ];
      const mirror: [number, number][] = [
        [1, 1],
        [2, 0],
      ];
      return {
        padded: tf.pad(x!, ends, 0.25),
        ints: tf.pad(i!, [[2, 1]], -7),
        bools: tf.pad(tf.cast(i!, 'bool'), [[1, 2]], 1),
        empty: tf.pad(e!, ends, 3),
        reflected: tf.mirrorPad(x!, mirror, 'reflect'),
        symmetric: tf.mirrorPad(x!, mirror, 'symmetric'),
        mirrorBools: tf.mirrorPad(tf.cast(x!, 'bool'), mirror, 'symmetric'),
        turned: tf.reverse(x!, -1),
        both: tf.reverse(x!),
        turnedInts: tf.reverse(i!),
      };
    },
    inputs: () => ({ x: counted(2, 3), i: tf.tensor1d([0, -4, 9], 'int32'), e: tf.zeros([0, 2]) }),
    ...exact,
  },
  {
    name: 'tile and broadcast, of every type',
    fn: ({ x, s, i }) => ({
      tiled: tf.tile(x!, [2, 3]),
      scalar: tf.tile(s!, []),
      bools: tf.tile(tf.cast(x!, 'bool'), [1, 2]),
      wide: tf.broadcastTo(i!, [2, 3]),
      kernel: kernel('BroadcastTo', { x: x! }, { shape: [4, 2, 3] }),
      boolKernel: kernel('BroadcastTo', { x: tf.cast(x!, 'bool') }, { shape: [4, 2, 3] }),
    }),
    // tf.broadcastTo is a tile in tfjs, whose CPU backend has no kernel BroadcastTo.
    reference: ({ x, s, i }) => ({
      tiled: tf.tile(x!, [2, 3]),
      scalar: tf.clone(s!),
      bools: tf.tile(tf.cast(x!, 'bool'), [1, 2]),
      wide: tf.broadcastTo(i!, [2, 3]),
      kernel: tf.broadcastTo(x!, [4, 2, 3]),
      boolKernel: tf.broadcastTo(tf.cast(x!, 'bool'), [4, 2, 3]),
    }),
    inputs: () => ({ x: counted(2, 3), s: tf.scalar(5), i: tf.tensor1d([4, -5, 6], 'int32') }),
    ...exact,
  },
  {
    name: 'fill, range, linspace: summed step by step as tfjs does',
    fn: ({ x }) => ({
      small: tf.fill([2, 2], 0.1),
      ints: tf.fill([3], -4, 'int32'),
      bools: tf.fill([70, 2], 1, 'bool'),
      nothing: tf.fill([0, 2], 1),
      tenths: tf.range(0, 10, 0.1),
      // 0.3 / 0.1 is below 3 in float64 and above it in float32.
      three: tf.range(0, 0.3, 0.1),
      down: tf.range(5, 1, -2, 'int32'),
      none: tf.range(2, 2),
      line: tf.linspace(0, 1, 7),
      point: tf.linspace(3, 9, 1),
      same: tf.neg(x!),
    }),
    inputs: () => ({ x: counted(1) }),
    ...exact,
  },
  {
    name: 'space to batch and back with paddings and crops, depth to space',
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
    inputs: () => ({ x: counted(1, 3, 5, 2), y: counted(4, 2, 3, 4) }),
    ...exact,
  },
];

const batched: OnnxCase[] = [
  {
    name: 'for any batch size: shapes that contain it',
    fn: ({ x }) => {
      const [batch] = x!.shape as [number];
      return {
        flat: tf.reshape(x!, [batch * 3]),
        empty: tf.reshape(tf.slice(x!, [0, 0], [batch, 0]), [0, batch]),
        square: tf.reshape(tf.matMul(x!, x!, false, true), [batch, batch, 1]),
        tiled: tf.tile(tf.tensor2d([[1, 2]]), [batch, 1]),
        wide: tf.broadcastTo(tf.scalar(2), [batch, 2]),
        ones: tf.ones([2 * batch + 1, 3]),
        bools: tf.fill([batch], 1, 'bool'),
        count: tf.range(0, batch, 1, 'int32'),
        odd: tf.range(1, 2 * batch + 1, 2),
        stacked: tf.stack([x!, x!], 1),
        padded: tf.pad(x!, [
          [1, 1],
          [0, 0],
        ]),
        last: tf.unstack(x!, 1)[2]!,
        batches: tf.spaceToBatchND(tf.reshape(x!, [batch, 3, 1]), [3], [[0, 0]]),
        spaces: tf.batchToSpaceND(tf.concat([x!, x!], 0), [2], [[1, 0]]),
      };
    },
    inputs: () => ({ x: counted(4, 3) }),
    batched: true,
    ...exact,
  },
  {
    name: 'for any batch size: parts that begin or end relative to it',
    fn: ({ x }) => {
      const [batch] = x!.shape as [number];
      return {
        tail: tf.slice(x!, [1, 0], [batch - 1, 2]),
        all: tf.slice(x!, [0, 1]),
        lastRow: tf.slice(x!, [batch - 1, 0], [1, 3]),
        from: tf.stridedSlice(x!, [1, 0], [batch, 2], [1, 1]),
        before: tf.stridedSlice(x!, [0, 0], [batch - 1, 3], [1, 2]),
        final: tf.stridedSlice(x!, [-1, 0], [batch, 3], [1, 1]),
        backwards: tf.stridedSlice(x!, [-1, 2], [-100, 0], [-1, -2]),
        turned: tf.reverse(x!, 0),
      };
    },
    inputs: () => ({ x: counted(4, 3) }),
    batched: true,
    ...exact,
  },
];

describeConformance('shape and slice lowerings', { ...shapeLowerings, ...sliceLowerings }, [
  ...moving,
  ...batched,
]);

it('refuses larger steps backwards along the batch, naming the place', () => {
  const fn = ({ x }: NamedTensors) => ({
    y: tf.stridedSlice(tf.concat([x!, x!], 0), [-1, 0], [-1000, 3], [-2, 1]),
  });
  const graph = recordFor(fn, { x: counted(4, 3) }, true);
  expect(() => writeOnnx(graph, { name: 'test' })).toThrow(
    /StridedSlice at .*lower-shape\.test\.ts:.*step -2/,
  );
});
