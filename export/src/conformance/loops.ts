import { tf } from '../tf.ts';
import { scan } from '../trace/scan.ts';
import type { NamedTensors, TensorFunction } from '../trace/trace.ts';

/** Loops that use all there is of loops, for tests of every way to write them. */

export const noise = (shape: number[], seed: number) => tf.randomUniform(shape, -2, 2, 'float32', seed);

/** Every carry type, captures of an input and a weight, carries and slices returned as they are. */
export const loop: TensorFunction = ({ x, keep, w }) => {
  const weight = tf.tensor1d([0.5, 1, 2]);
  const { carries, outputs } = scan({
    carries: {
      h: tf.zeros([3]),
      count: tf.scalar(0, 'int32'),
      seen: tf.tensor1d([0, 0, 0], 'bool'),
      same: w!,
    },
    sequences: { x: x!, keep: keep! },
    body: ({ h, count, seen, same }, { x: slice, keep: k }) => ({
      carries: {
        h: tf.add(tf.mul(h!, w!), tf.mul(slice!, weight)),
        count: tf.add(count!, tf.cast(k!, 'int32')),
        seen: tf.logicalOr(seen!, tf.greater(slice!, 1)),
        same: same!,
      },
      outputs: { before: h!, slice: slice!, flags: tf.logicalNot(k!), doubled: tf.mul(slice!, 2) },
    }),
  });
  return { ...carries, ...outputs };
};
export const loopInputs = (): NamedTensors => ({
  x: noise([4, 3], 1),
  keep: tf.tensor1d([1, 0, 1, 1], 'bool'),
  w: tf.tensor1d([0.5, -1, 0.25]),
});

/** The inner loop uses an input, a slice and a carry of its surroundings, and a value computed there. */
export const nested: TensorFunction = ({ x, y, w }) => {
  const { carries, outputs } = scan({
    carries: { total: tf.zeros([2]) },
    sequences: { x: x! },
    body: ({ total }, { x: row }) => {
      const scaled = tf.mul(row!, w!);
      const inner = scan({
        carries: { s: total! },
        sequences: { y: y! },
        body: ({ s }, { y: entry }) => {
          const next = tf.add(tf.mul(s!, tf.mul(w!, 0.5)), tf.add(tf.mul(scaled, entry!), total!));
          return { carries: { s: next }, outputs: { next } };
        },
      });
      return { carries: { total: inner.carries.s! }, outputs: { trail: inner.outputs.next! } };
    },
  });
  return { total: carries.total!, trail: outputs.trail! };
};
export const nestedInputs = (): NamedTensors => ({ x: noise([3, 2], 2), y: noise([4], 3), w: noise([2], 4) });

/** A loop over time in sequences of any number; its body makes and reshapes tensors of the batch's size. */
export const batchedLoop: TensorFunction = ({ x }) => {
  const [batch, steps] = x!.shape as [number, number];
  const { carries, outputs } = scan({
    carries: { h: tf.zeros([batch, 2]) },
    sequences: { x: tf.transpose(x!, [1, 0, 2]) },
    body: ({ h }, { x: slice }) => {
      const half = tf.fill([batch, 1], 0.5);
      const flat = tf.reshape(tf.add(tf.mul(h!, 0.5), slice!), [batch * 2]);
      const next = tf.mul(tf.reshape(flat, [batch, 2]), half);
      return { carries: { h: next }, outputs: { sum: tf.sum(next, 1) } };
    },
  });
  return { h: carries.h!, sums: tf.reshape(tf.transpose(outputs.sum!), [batch, steps]) };
};
export const batchedInputs = (): NamedTensors => ({ x: noise([3, 5, 2], 5) });

/** A loop from the last slice to the first, whose results are in the order of the slices. */
export const reversed: TensorFunction = ({ x }) => {
  const { carries, outputs } = scan({
    carries: { sum: tf.zeros([2]) },
    sequences: { x: x! },
    body: ({ sum }, { x: slice }) => {
      const next = tf.add(tf.mul(sum!, 0.5), slice!);
      return { carries: { sum: next }, outputs: { next, slice: slice! } };
    },
    reverse: true,
  });
  return { ...carries, ...outputs };
};
