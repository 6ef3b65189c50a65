import { tf } from '@generatrix/export';

/** The slope dx/dt at x [batch, ...shape] and the time, a scalar: [batch, ...shape]. */
export type Field = (x: tf.Tensor, time: tf.Tensor) => tf.Tensor;

/** What a step of a solver gives. */
export interface SolverStep {
  /** At the end of the step. */
  readonly x: tf.Tensor;
  /** At its beginning. */
  readonly slope: tf.Tensor;
}

type Solver = (field: Field, x: tf.Tensor, time: tf.Tensor, size: tf.Tensor) => SolverStep;

const moved = (x: tf.Tensor, slope: tf.Tensor, by: tf.Tensor) => tf.add(x, tf.mul(slope, by));

/** Explicit Runge-Kutta steps from `time` to `time + size`, both scalars (Hairer et al. 1993, section II.1). */
export const solvers = {
  /** One evaluation, of order 1. */
  euler: (field, x, time, size) => {
    const slope = field(x, time);
    return { x: moved(x, slope, size), slope };
  },
  /** Two evaluations, of order 2: the slope in the middle. */
  midpoint: (field, x, time, size) => {
    const half = tf.mul(0.5, size);
    const slope = field(x, time);
    return { x: moved(x, field(moved(x, slope, half), tf.add(time, half)), size), slope };
  },
  /** Two evaluations, of order 2: the mean of the slopes at both ends. */
  heun: (field, x, time, size) => {
    const slope = field(x, time);
    const end = field(moved(x, slope, size), tf.add(time, size));
    return { x: moved(x, tf.add(slope, end), tf.mul(0.5, size)), slope };
  },
  /** Four evaluations, of order 4: the classical method. */
  rk4: (field, x, time, size) => {
    const half = tf.mul(0.5, size);
    const middle = tf.add(time, half);
    const first = field(x, time);
    const second = field(moved(x, first, half), middle);
    const third = field(moved(x, second, half), middle);
    const fourth = field(moved(x, third, size), tf.add(time, size));
    const sum = tf.add(tf.add(first, fourth), tf.mul(2, tf.add(second, third)));
    return { x: moved(x, sum, tf.div(size, 6)), slope: first };
  },
} as const satisfies Record<string, Solver>;

export const solverNames = [
  ...(['euler', 'midpoint', 'heun', 'rk4'] as const),
] as const satisfies readonly SolverName[];
export type SolverName = keyof typeof solvers;
