import { tf } from '@generatrix/export';

/**
 * Places on the way from no interaction (0) to the model (1), as Salakhutdinov and Murray 2008, section 5, spread their
 * 14,500 temperatures: 500 evenly up to 0.5, 4,000 up to 0.9 and 10,000 up to 1.
 */
const stretches = [
  { until: 500 / 14_500, from: 0, to: 0.5 },
  { until: 4500 / 14_500, from: 0.5, to: 0.9 },
  { until: 1, from: 0.9, to: 1 },
] as const;

/** The inverse temperature number `index` of those from 0 to `last`, 0 to 1: scalars. */
export function temperatureOf(index: tf.Tensor, last: tf.Tensor): tf.Tensor {
  const place = tf.div(index, last);
  let begins = 0;
  let value: tf.Tensor = tf.scalar(0);
  for (const { until, from, to } of stretches) {
    const share = tf.div(tf.sub(tf.minimum(tf.maximum(place, begins), until), begins), until - begins);
    value = tf.add(value, tf.mul(to - from, share));
    begins = until;
  }
  // Rounding may leave the last a little short of the model itself.
  return tf.where(tf.greaterEqual(index, last), tf.scalar(1), value);
}
