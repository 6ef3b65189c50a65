import { tf } from '../tf.ts';
import { composite } from './composite.ts';

/** Counting by value and searching in sorted rows. */
export const countingComposites: Record<string, tf.KernelFunc> = {
  Bincount: composite(({ x, weights }, { size }: tf.BincountAttrs) => counts(x!, weights!, size)),

  DenseBincount: composite(({ x, weights }, { size, binaryOutput }: tf.DenseBincountAttrs) => {
    if (x!.rank === 1) return counts(x!, weights!, size);
    const hits = tf.equal(tf.expandDims(x!, 2), tf.range(0, size, 1, x!.dtype as 'int32')); // [rows, columns, size]
    if (binaryOutput) return tf.cast(tf.any(hits, 1), weights!.dtype);
    const each = tf.cast(hits, weights!.dtype);
    return tf.sum(weights!.size === 0 ? each : tf.mul(each, tf.expandDims(weights!, 2)), 1);
  }),

  // In a sorted row the place of a value is the number of entries before it.
  SearchSorted: composite(({ sortedSequence, values }, { side }: tf.SearchSortedAttrs) => {
    const [entries, sought] = [tf.expandDims(sortedSequence!, 1), tf.expandDims(values!, 2)];
    const before = side === 'left' ? tf.less(entries, sought) : tf.lessEqual(entries, sought);
    return tf.sum(tf.cast(before, 'int32'), 2);
  }),
};

/**
 * For each number below `size` how often `x` holds it, or the sum of the weights where it does. Numbers outside are
 * passed over: eager tfjs refuses negative ones, which a program cannot.
 */
function counts(x: tf.Tensor, weights: tf.Tensor, size: number): tf.Tensor {
  const place = tf.cast(x, 'int32');
  const inside = tf.logicalAnd(tf.greaterEqual(place, 0), tf.less(place, size));
  // What lies outside goes to one place more, which is cut off: a scatter would not survive it.
  const indices = tf.expandDims(tf.where(inside, place, tf.onesLike(place).mul(tf.scalar(size, 'int32'))), 1);
  const each = weights.size === 0 ? tf.cast(tf.onesLike(place), weights.dtype) : weights;
  return tf.slice(tf.scatterND(indices, each, [size + 1]), 0, size);
}
