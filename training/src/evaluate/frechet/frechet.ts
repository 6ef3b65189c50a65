import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { columnMeans, type Rows } from '../rows.ts';

/** Mean and covariance of features, which is all that the Fréchet distance sees of them. */
export interface Moments {
  readonly mean: Float64Array;
  /** [width, width] */
  readonly covariance: Matrix;
}

/** Mean and covariance (with n - 1) of rows, in double precision. @throws when there are fewer than two rows. */
export function momentsOf(rows: Rows): Moments {
  const { count, width, values } = rows;
  if (count < 2) throw new Error(`moments: expected at least 2 rows, got ${count}`);
  const mean = columnMeans(rows);
  const sums = new Float64Array(width * width);
  const centred = new Float64Array(width);
  for (let i = 0; i < count; i++) {
    for (let a = 0; a < width; a++) centred[a] = values[i * width + a]! - mean[a]!;
    for (let a = 0; a < width; a++) {
      const scale = centred[a]!;
      if (scale === 0) continue;
      for (let b = 0; b <= a; b++) sums[a * width + b]! += scale * centred[b]!;
    }
  }
  return { mean, covariance: symmetric(width, (a, b) => sums[a * width + b]! / (count - 1)) };
}

/**
 * Squared Fréchet distance of the normal distributions with these moments (Dowson and Landau 1982; Heusel et al.
 * 2017, eq. 6):
 *
 *   |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))
 *
 * The trace of the root is that of (C1^(1/2) C2 C1^(1/2))^(1/2), a symmetric matrix, whose eigenvalues are safe to
 * take where C1 is singular, too.
 */
export function frechetDistance(first: Moments, second: Moments): number {
  let squared = 0;
  for (let a = 0; a < first.mean.length; a++) squared += (first.mean[a]! - second.mean[a]!) ** 2;
  const root = symmetricRoot(first.covariance);
  const product = root.mmul(second.covariance).mmul(root);
  const symmetric = product.add(product.transpose()).mul(0.5);
  const roots = eigenvalues(symmetric).reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
  return Math.max(0, squared + first.covariance.trace() + second.covariance.trace() - 2 * roots);
}

function eigenvalues(symmetric: Matrix): number[] {
  return new EigenvalueDecomposition(symmetric, { assumeSymmetric: true }).realEigenvalues;
}

function symmetricRoot(matrix: Matrix): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const roots = Matrix.diag(realEigenvalues.map((value) => Math.sqrt(Math.max(0, value))));
  return eigenvectorMatrix.mmul(roots).mmul(eigenvectorMatrix.transpose());
}

/** The symmetric matrix with these values at and below its diagonal. */
export function symmetric(width: number, valueAt: (row: number, column: number) => number): Matrix {
  const matrix = Matrix.zeros(width, width);
  for (let a = 0; a < width; a++) {
    for (let b = 0; b <= a; b++) {
      const value = valueAt(a, b);
      matrix.set(a, b, value);
      matrix.set(b, a, value);
    }
  }
  return matrix;
}
