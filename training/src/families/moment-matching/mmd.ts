import { tf } from '@generatrix/export';

/** Squared Euclidean distances of all pairs: [n, d] and [m, d] to [n, m], never negative. */
export function squaredDistances(x: tf.Tensor, y: tf.Tensor): tf.Tensor2D {
  const norms = tf.add(tf.sum(tf.square(x), 1, true), tf.sum(tf.square(y), 1)); // [n, m]
  const products = tf.matMul(x as tf.Tensor2D, y as tf.Tensor2D, false, true); // [n, m]
  return tf.relu(tf.sub(norms, tf.mul(2, products)));
}

/**
 * Sum over bandwidths of Gaussian kernels, for all pairs: k(x, y) = sum_q exp(-|x - y|^2 / (2 sigma_q)). As in Li et
 * al. 2015 (section 2) a bandwidth is a square of a length. [n, d] and [m, d] to [n, m].
 */
export function gaussianKernels(x: tf.Tensor, y: tf.Tensor, bandwidths: readonly number[]): tf.Tensor2D {
  const squared = squaredDistances(x, y);
  const kernels = bandwidths.map((bandwidth) => tf.exp(tf.mul(squared, -0.5 / bandwidth)) as tf.Tensor2D);
  return kernels.reduce((sum, kernel) => tf.add(sum, kernel));
}

/**
 * Squared maximum mean discrepancy of two sets under the sum of Gaussian kernels, the biased estimate that is zero for
 * equal sets and never negative but for rounding (Gretton et al. 2007; Li et al. 2015, section 2):
 *
 *   mean k(x, x') - 2 mean k(x, y) + mean k(y, y')
 *
 * @param x [n, d]
 * @param y [m, d]
 */
export function squaredDiscrepancy(x: tf.Tensor, y: tf.Tensor, bandwidths: readonly number[]): tf.Scalar {
  const within = tf.add(
    tf.mean(gaussianKernels(x, x, bandwidths)),
    tf.mean(gaussianKernels(y, y, bandwidths)),
  );
  return tf.sub(within, tf.mul(2, tf.mean(gaussianKernels(x, y, bandwidths)))) as tf.Scalar;
}

/** Keeps the slope of the root finite where two sets agree; 1e-4 in the discrepancy itself. */
const guard = 1e-8;

/**
 * Square root of the squared discrepancy (Li et al. 2015, section 3.3): its gradient does not fade as the discrepancy
 * becomes small. Within `sqrt(guard)` of zero the slope is bounded.
 */
export function discrepancy(x: tf.Tensor, y: tf.Tensor, bandwidths: readonly number[]): tf.Scalar {
  return tf.sqrt(tf.add(tf.relu(squaredDiscrepancy(x, y, bandwidths)), guard)) as tf.Scalar;
}
