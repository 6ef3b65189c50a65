import { tf } from '@generatrix/export';
import { mixed, type Parts, type Shares } from './prediction.ts';

/**
 * Standard deviation of the noise that a step adds from more noise to less (Song et al. 2021a, eq. 16): 0 for eta = 0,
 * that of the chain which Ho et al. 2020 train for eta = 1.
 */
export function stepDeviation(from: Shares, to: Shares, eta: tf.Tensor): tf.Tensor {
  // 1 - signal / signal' is (noise - noise') / signal', without a difference of numbers near 1.
  const added = tf.div(tf.sub(from.noise, to.noise), to.signal);
  return tf.mul(eta, tf.sqrt(tf.relu(tf.mul(tf.div(to.noise, from.noise), added))));
}

/**
 * What a step adds noise of that deviation to (Song et al. 2021a, eq. 12): the example that the network saw in x, mixed
 * with as much of the noise that it saw as makes `to` together with the noise to come. [batch, ...shape]
 */
export function stepMean(parts: Parts, to: Shares, deviation: tf.Tensor): tf.Tensor {
  const kept = tf.relu(tf.sub(to.noise, tf.square(deviation)));
  return mixed(parts, { signal: to.signal, noise: kept });
}
