import { tf } from '@generatrix/export';
import type { DataSpec } from '@generatrix/runtime/core';

export type PairKind = 'negatives' | 'edges';

/**
 * What makes an example's counterpart in a second domain (Liu and Tuzel 2016, section 4): `negatives` turns the range
 * round (bright to dark; a point to the one across the origin), `edges` takes the size of the grey-value gradient,
 * |dx| + |dy| by forward differences, cut off at the range's end.
 */
export function counterpart(kind: PairKind, spec: DataSpec): (x: tf.Tensor) => tf.Tensor {
  if (!('range' in spec)) return (x) => tf.neg(x);
  const [low, high] = spec.range;
  if (kind === 'negatives') return (x) => tf.sub(low + high, x);
  return (x) => {
    const size = tf.add(step(x as tf.Tensor4D, 1), step(x as tf.Tensor4D, 2));
    return tf.minimum(tf.add(size, low), high);
  };
}

/** |x[i + 1] - x[i]| along a spatial axis, 0 at the last place. */
function step(x: tf.Tensor4D, axis: 1 | 2): tf.Tensor4D {
  const size = x.shape.map((length, i) => (i === axis ? length - 1 : length));
  const from = (start: number) =>
    tf.slice(
      x,
      x.shape.map((_, i) => (i === axis ? start : 0)),
      size,
    );
  const after: [number, number][] = x.shape.map((_, i) => [0, i === axis ? 1 : 0]);
  return tf.pad(tf.abs(tf.sub(from(1), from(0))), after) as tf.Tensor4D;
}
