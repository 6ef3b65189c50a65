import { tf } from '../tf.ts';
import { at, TraceError, userLocation } from '../trace/errors.ts';
import { composite } from './composite.ts';

/** Steps that are unrolled, one for each box that may be kept. */
const mostKept = 1000;

/** Choosing boxes greedily by their score, where the number of results does not depend on values. */
export const suppressionComposites: Record<string, tf.KernelFunc> = {
  NonMaxSuppressionV4: composite(({ boxes, scores }, attrs: tf.NonMaxSuppressionV4Attrs) => {
    const { maxOutputSize, iouThreshold, scoreThreshold, padToMaxOutputSize } = attrs;
    if (!padToMaxOutputSize || maxOutputSize > mostKept) {
      throw new TraceError(
        `the tfjs kernel NonMaxSuppressionV4${at(userLocation())} cannot be traced: expected padToMaxOutputSize and ` +
          `at most ${mostKept} boxes, got ${padToMaxOutputSize} and ${maxOutputSize}`,
      );
    }
    const suppressed = tf.greaterEqual(overlaps(boxes!), iouThreshold); // [boxes, boxes]
    const places = tf.range(0, boxes!.shape[0]!, 1, 'int32');
    let alive = tf.greater(scores!, scoreThreshold);
    const kept: tf.Tensor[] = [];
    const found: tf.Tensor[] = [];
    for (let step = 0; step < maxOutputSize; step++) {
      // Of equal scores the first box goes first.
      const best = tf.argMax(tf.where(alive, scores!, tf.scalar(-Infinity)), 0);
      const any = tf.any(alive);
      kept.push(tf.where(any, best, tf.zerosLike(best)));
      found.push(tf.cast(any, 'int32'));
      const gone = tf.logicalOr(tf.gather(suppressed, best), tf.equal(places, best));
      alive = tf.logicalAnd(alive, tf.logicalNot(gone));
    }
    if (kept.length === 0) return [tf.tensor1d([], 'int32'), tf.scalar(0, 'int32')];
    return [tf.stack(kept), tf.sum(tf.stack(found))];
  }),
};

/** Intersection over union of each box [y1, x1, y2, x2] (corners in any order) with each; 0 for those without area. */
function overlaps(boxes: tf.Tensor): tf.Tensor {
  const [y1, x1, y2, x2] = tf.split(boxes, 4, 1) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]; // [boxes, 1]
  const [top, bottom] = [tf.minimum(y1, y2), tf.maximum(y1, y2)];
  const [left, right] = [tf.minimum(x1, x2), tf.maximum(x1, x2)];
  const area = tf.mul(tf.sub(bottom, top), tf.sub(right, left));
  const across = (low: tf.Tensor, high: tf.Tensor) =>
    tf.relu(tf.sub(tf.minimum(high, tf.transpose(high)), tf.maximum(low, tf.transpose(low))));
  const common = tf.mul(across(top, bottom), across(left, right));
  const union = tf.sub(tf.add(area, tf.transpose(area)), common);
  const real = tf.logicalAnd(tf.greater(area, 0), tf.greater(tf.transpose(area), 0));
  return tf.where(real, tf.div(common, tf.where(real, union, tf.onesLike(union))), tf.zerosLike(common));
}
