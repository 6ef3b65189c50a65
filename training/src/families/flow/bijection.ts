import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';

/** An invertible function of an example, from the data's side to the code's, with its parameters. */
export interface Bijection {
  readonly specs: StateSpecs;
  /** [batch, ...] to [batch, ...], and log |det dy/dx| of each example: a scalar or [batch]. Nats. */
  forward(state: NamedTensors, x: tf.Tensor): { y: tf.Tensor; logDet: tf.Tensor };
  /** The x that `forward` takes to y. */
  inverse(state: NamedTensors, y: tf.Tensor): tf.Tensor;
}

/** One bijection after another; log-determinants add up (Dinh et al. 2017, section 3.5, eq. 10 and 11). */
export function chain(bijections: readonly Bijection[]): Bijection {
  return {
    specs: Object.assign({}, ...bijections.map(({ specs }) => specs)) as StateSpecs,
    forward: (state, x) =>
      bijections.reduce<{ y: tf.Tensor; logDet: tf.Tensor }>(
        (before, bijection) => {
          const { y, logDet } = bijection.forward(state, before.y);
          return { y, logDet: tf.add(before.logDet, logDet) };
        },
        { y: x, logDet: tf.scalar(0) },
      ),
    inverse: (state, y) => bijections.reduceRight((x, bijection) => bijection.inverse(state, x), y),
  };
}

/**
 * y = exp(logScale) * (x + shift) with one scale and shift for each index of the last axis: activation
 * normalisation (Kingma and Dhariwal 2018, section 3.1), which stands in for Real NVP's batch normalisation.
 * @param positions examples' entries that share one scale: height * width of an image, 1 of a vector
 */
export function actnorm(name: string, width: number, positions = 1): Bijection {
  return {
    specs: {
      [`${name}/logScale`]: { shape: [width], initial: 0 },
      [`${name}/shift`]: { shape: [width], initial: 0 },
    },
    forward: (state, x) => {
      const logScale = state[`${name}/logScale`]!;
      return {
        y: tf.mul(tf.exp(logScale), tf.add(x, state[`${name}/shift`]!)),
        logDet: tf.mul(positions, tf.sum(logScale)),
      };
    },
    inverse: (state, y) =>
      tf.sub(tf.mul(y, tf.exp(tf.neg(state[`${name}/logScale`]!))), state[`${name}/shift`]!),
  };
}

/** y = exp(logScale) * x, one scale for each dimension (Dinh et al. 2014, section 3.3). */
export function diagonalScaling(name: string, width: number): Bijection {
  return {
    specs: { [`${name}/logScale`]: { shape: [width], initial: 0 } },
    forward: (state, x) => {
      const logScale = state[`${name}/logScale`]!;
      return { y: tf.mul(x, tf.exp(logScale)), logDet: tf.sum(logScale) };
    },
    inverse: (state, y) => tf.mul(y, tf.exp(tf.neg(state[`${name}/logScale`]!))),
  };
}

/** A bijection that only moves entries: its log-determinant is 0. */
export function rearrangement(
  forward: (x: tf.Tensor) => tf.Tensor,
  inverse: (y: tf.Tensor) => tf.Tensor,
): Bijection {
  return {
    specs: {},
    forward: (_, x) => ({ y: forward(x), logDet: tf.scalar(0) }),
    inverse: (_, y) => inverse(y),
  };
}

/** A bijection run backwards, for those whose log-determinant is 0. */
export function reversed({ forward, inverse }: Bijection): Bijection {
  return rearrangement(
    (x) => inverse({}, x),
    (y) => forward({}, y).y,
  );
}

/** [batch, width], 0 1 2 3 4 to 0 2 4 1 3: entries of even index first, so that halves can be cut by slices. */
export function evenFirst(width: number): Bijection {
  const half = Math.floor(width / 2);
  /** [batch, 2 half] read as a matrix of `rows` columns each, transposed. */
  const transposed = (x: tf.Tensor, rows: number, columns: number) =>
    tf.reshape(tf.transpose(tf.reshape(x, [x.shape[0]!, rows, columns]), [0, 2, 1]), [
      x.shape[0]!,
      rows * columns,
    ]);
  const cut = (x: tf.Tensor, begin: number, size: number) => tf.slice(x, [0, begin], [x.shape[0]!, size]);
  if (width % 2 === 0) {
    return rearrangement(
      (x) => transposed(x, half, 2),
      (y) => transposed(y, 2, half),
    );
  }
  return rearrangement(
    (x) => {
      const paired = transposed(cut(x, 0, 2 * half), half, 2);
      return tf.concat([cut(paired, 0, half), cut(x, 2 * half, 1), cut(paired, half, half)], 1);
    },
    (y) => {
      const paired = tf.concat([cut(y, 0, half), cut(y, half + 1, half)], 1);
      return tf.concat([transposed(paired, 2, half), cut(y, half, 1)], 1);
    },
  );
}

/**
 * [batch, h, w, c] to [batch, h/2, w/2, 4c]: each 2x2 block becomes channels, upper row first (Dinh et al. 2017,
 * section 3.6 and figure 3). Kept to four axes, which every runtime transposes.
 */
export function squeeze([height, width, channels]: readonly [number, number, number]): Bijection {
  const [rows, columns] = [height / 2, width / 2];
  return rearrangement(
    (x) => {
      const batch = x.shape[0]!;
      const blocks = tf.reshape(x, [batch * rows, 2, columns, 2 * channels]);
      return tf.reshape(tf.transpose(blocks, [0, 2, 1, 3]), [batch, rows, columns, 4 * channels]);
    },
    (y) => {
      const batch = y.shape[0]!;
      const blocks = tf.reshape(y, [batch * rows, columns, 2, 2 * channels]);
      return tf.reshape(tf.transpose(blocks, [0, 2, 1, 3]), [batch, height, width, channels]);
    },
  );
}

/** [batch, ...shape] to [batch, dimensions]. */
export function flattening(shape: readonly number[]): Bijection {
  return rearrangement(
    (x) => tf.reshape(x, [x.shape[0]!, -1]),
    (y) => tf.reshape(y, [y.shape[0]!, ...shape]),
  );
}
