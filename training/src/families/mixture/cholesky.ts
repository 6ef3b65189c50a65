import { type NamedTensors, scan, tf } from '@generatrix/export';

/**
 * Lower Cholesky factors of a stack of covariance matrices, column by column (Golub and Van Loan, Matrix
 * Computations, 4.2): [k, d, d] to [k, d, d] with L L^T = A.
 * @param floor smallest pivot: in float32 a nearly singular matrix can give a negative one, which would be NaN.
 */
export function choleskyFactor(matrices: tf.Tensor3D, floor: number): tf.Tensor3D {
  const dimensions = matrices.shape[2];
  const { unit, mask } = columnSequences(dimensions);
  const columns = tf.transpose(matrices, [2, 0, 1]); // [d, k, d]: column j of each matrix
  const { carries } = scan({
    carries: { factor: tf.zerosLike(matrices) },
    sequences: { column: columns, unit, mask },
    body: ({ factor }, { column, unit, mask }) => {
      const row = tf.sum(tf.mul(factor!, tf.reshape(unit!, [1, dimensions, 1])), 1, true); // [k, 1, d]: row j
      const rest = tf.sub(column!, tf.sum(tf.mul(factor!, row), 2)); // [k, d]
      const pivot = tf.maximum(tf.sum(tf.mul(rest, unit!), 1, true), floor); // [k, 1]
      const below = tf.mul(
        tf.where(tf.broadcastTo(tf.greater(unit!, 0), rest.shape), tf.add(tf.zerosLike(rest), pivot), rest),
        mask!,
      );
      const next = tf.div(below, tf.sqrt(pivot)); // [k, d]: column j of the factor
      return { carries: { factor: tf.add(factor!, outer(next, unit!)) } };
    },
  });
  return carries.factor as tf.Tensor3D;
}

/** Inverses of a stack of lower triangular matrices by forward substitution, row by row: [k, d, d]. */
export function invertLower(factors: tf.Tensor3D): tf.Tensor3D {
  const dimensions = factors.shape[2];
  const { unit } = columnSequences(dimensions);
  const rows = tf.transpose(factors, [1, 0, 2]); // [d, k, d]: row i of each factor
  const { carries } = scan({
    carries: { inverse: tf.zerosLike(factors) },
    sequences: { row: rows, unit },
    body: ({ inverse }, { row, unit }) => {
      const known = tf.sum(tf.mul(inverse!, tf.expandDims(row!, 2)), 1); // [k, d]: row i of L times the rows so far
      const diagonal = tf.sum(tf.mul(row!, unit!), 1, true); // [k, 1]
      const next = tf.div(tf.sub(unit!, known), diagonal); // [k, d]: row i of the inverse
      const placed = tf.mul(tf.expandDims(next, 1), tf.reshape(unit!, [1, dimensions, 1]));
      return { carries: { inverse: tf.add(inverse!, placed) } };
    },
  });
  return carries.inverse as tf.Tensor3D;
}

/** For step j: the unit vector of axis j, and 1 for the rows at or below j. */
function columnSequences(dimensions: number): NamedTensors & { unit: tf.Tensor; mask: tf.Tensor } {
  const mask = Float32Array.from({ length: dimensions * dimensions }, (_, i) =>
    i % dimensions >= Math.floor(i / dimensions) ? 1 : 0,
  );
  return { unit: tf.eye(dimensions), mask: tf.tensor2d(mask, [dimensions, dimensions]) };
}

/** [k, d] and [d] to [k, d, d]. */
function outer(column: tf.Tensor, unit: tf.Tensor): tf.Tensor {
  return tf.mul(tf.expandDims(column, 2), tf.reshape(unit, [1, 1, -1]));
}
