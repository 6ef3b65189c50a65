import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';

/** Vectors of the power iteration for a kernel read as a matrix [rows, columns]: `name/left` and `name/right`. */
export function spectralSpecs(name: string, rows: number, columns: number): StateSpecs {
  const initial = { distribution: 'normal', scale: 1 } as const;
  return {
    [`${name}/left`]: { shape: [rows], initial, kind: 'statistic' },
    [`${name}/right`]: { shape: [columns], initial, kind: 'statistic' },
  };
}

/**
 * The kernel divided by its largest singular value, sigma = left' W right (Miyato et al. 2018, eq. 8), W the kernel
 * as a matrix whose columns belong to its last axis. The vectors are constants: the gradient passes through W alone
 * (their eq. 9 to 12).
 */
export function spectrallyNormalised(state: NamedTensors, name: string, kernel: tf.Tensor): tf.Tensor {
  const left = state[`${name}/left`]!; // [rows]
  const right = state[`${name}/right`]!; // [columns]
  const matrix = tf.reshape(kernel, [left.shape[0]!, right.shape[0]!]) as tf.Tensor2D;
  const image = tf.reshape(tf.matMul(matrix, tf.reshape(right, [-1, 1])), [-1]); // [rows]
  return tf.div(kernel, tf.sum(tf.mul(left, image)));
}

/**
 * One turn of the power iteration for every kernel that has vectors among `statistics` (Miyato et al. 2018,
 * algorithm 1): left = unit(W right), right = unit(W' left). Run it before the loss, outside the gradient.
 */
export function powerIteration(
  state: NamedTensors,
  statistics: Readonly<Record<string, unknown>>,
): NamedTensors {
  const names = Object.keys(statistics)
    .filter((name) => name.endsWith('/right'))
    .map((name) => name.slice(0, -'/right'.length));
  return Object.assign(
    {},
    ...names.map((name) => {
      const [rows, columns] = [state[`${name}/left`]!.shape[0]!, state[`${name}/right`]!.shape[0]!];
      const matrix = tf.reshape(state[`${name}/kernel`]!, [rows, columns]) as tf.Tensor2D;
      const left = unit(tf.matMul(matrix, tf.reshape(state[`${name}/right`]!, [columns, 1]))); // [rows, 1]
      const right = unit(tf.matMul(matrix, left, true)); // [columns, 1]
      return { [`${name}/left`]: tf.reshape(left, [rows]), [`${name}/right`]: tf.reshape(right, [columns]) };
    }),
  ) as NamedTensors;
}

function unit(x: tf.Tensor2D): tf.Tensor2D {
  return tf.div(x, tf.sqrt(tf.add(tf.sum(tf.square(x)), 1e-12)));
}
