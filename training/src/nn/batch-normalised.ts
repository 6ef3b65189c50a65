import { tf } from '@generatrix/export';

/** Added to variances before the root. */
export const epsilon = 1e-5;

/** Mean and variance of each channel over the batch and all positions: [batch, ..., width] to [width] each. */
export function channelMoments(x: tf.Tensor): { readonly mean: tf.Tensor; readonly variance: tf.Tensor } {
  const axes = allButLast(x);
  const mean = tf.mean(x, axes);
  return { mean, variance: tf.mean(tf.square(tf.sub(x, mean)), axes) };
}

/**
 * Channels normalised by their own moments over the batch and all positions, times a scale, plus an offset (Ioffe and
 * Szegedy 2015, algorithm 1): [batch, ..., width] to the same. With c = x - mean, r = 1 / sqrt(variance + epsilon) and n
 * values of a channel, the gradient is theirs of section 3 with the factors of a channel put together, so that the
 * whole tensor is gone through five times, not fourteen:
 *
 *   dx = scale r (dy - sum(dy) / n - c r^2 sum(dy c) / n),   d scale = r sum(dy c),   d offset = sum(dy)
 */
export function batchNormalised(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor {
  const axes = allButLast(x);
  const count = x.size / x.shape.at(-1)!;
  const parts = (x: tf.Tensor) => {
    const { mean, variance } = channelMoments(x);
    return { centred: tf.sub(x, mean), inverse: tf.div(1, tf.sqrt(tf.add(variance, epsilon))) };
  };
  const normalise = tf.customGrad((...args: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [x, scale, offset, save] = args as [tf.Tensor, tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([x, scale]);
    const { centred, inverse } = parts(x);
    return {
      value: tf.add(tf.mul(centred, tf.mul(inverse, scale)), offset),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        // From what went in, so that the gradient can be differentiated again.
        const [x, scale] = saved as [tf.Tensor, tf.Tensor];
        const { centred, inverse } = parts(x);
        const total = tf.sum(dy, axes);
        const along = tf.sum(tf.mul(dy, centred), axes);
        const factor = tf.mul(scale, inverse);
        const slope = tf.mul(tf.mul(factor, tf.square(inverse)), tf.div(along, -count));
        const shift = tf.mul(factor, tf.div(total, -count));
        const dx = tf.add(tf.add(tf.mul(dy, factor), tf.mul(centred, slope)), shift);
        return [dx, tf.mul(inverse, along), total];
      },
    };
  });
  return normalise(x, scale, offset);
}

function allButLast(x: tf.Tensor): number[] {
  return x.shape.slice(0, -1).map((_, axis) => axis);
}
