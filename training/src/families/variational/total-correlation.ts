import { tf } from '@generatrix/export';
import { normalLogProb } from '../../nn/distributions.ts';
import type { Encoding } from './posterior.ts';

/**
 * How far the dimensions of codes are from independence, KL(q(z) || prod_j q(z_j)) in nats (Chen et al. 2018, eq. 2, the
 * second term), where q(z) is taken for the equal mixture of the batch's posteriors. The paper weights the mixture by the
 * number of all examples (section 4.1), which changes the value by a constant and its gradient not at all.
 * @param mean of the posteriors, [batch, latent], with `logStd` likewise: Gaussians of independent dimensions
 * @param z a draw from each, [batch, latent]
 */
export function totalCorrelation(
  { mean, logStd }: Pick<Encoding, 'mean' | 'logStd'>,
  z: tf.Tensor,
): tf.Scalar {
  const batch = z.shape[0]!;
  // log q(z_i | x_j) of each dimension: of every code, under the posterior of every example.
  const each = normalLogProb(
    tf.expandDims(z, 1), // [batch, 1, latent]
    tf.expandDims(mean, 0), // [1, batch, latent]
    tf.expandDims(logStd, 0),
  ); // [batch, batch, latent]
  const joint = tf.logSumExp(tf.sum(each, 2), 1); // [batch]
  const marginals = tf.sum(tf.logSumExp(each, 1), 1); // [batch]
  const constant = (z.shape[1]! - 1) * Math.log(batch);
  return tf.add(tf.mean(tf.sub(joint, marginals)), constant);
}
