import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import { asKind } from '../../model/state.ts';
import { oneHot } from '../../nn/one-hot.ts';

const vectors = 'codebook/vectors';
const counts = 'codebook/counts';
const sums = 'codebook/sums';

/** A code whose share of the vectors falls below this share of an even one is given up, and starts again elsewhere. */
const leastShare = 0.02;

/** A table of vectors, each standing for those nearest to it, that follows the vectors which it is shown. */
export interface Codebook {
  readonly specs: StateSpecs;
  /** The nearest entry of each vector: [rows, size] to [rows] int32. */
  nearest(state: NamedTensors, z: tf.Tensor): tf.Tensor;
  /** The vectors of entries: [rows] to [rows, size]. */
  lookUp(state: NamedTensors, index: tf.Tensor): tf.Tensor;
  /** The table after it has been shown vectors, and how evenly they use it. */
  follow(
    state: NamedTensors,
    z: tf.Tensor,
  ): { readonly statistics: NamedTensors; readonly perplexity: tf.Tensor };
}

/**
 * The codebook of van den Oord, Vinyals and Kavukcuoglu 2017, kept as running means of the vectors that fall to each entry
 * (appendix A.1): with n_k of them, of sum m_k, in a batch,
 *
 *   N_k <- decay N_k + (1 - decay) n_k,   M_k <- decay M_k + (1 - decay) m_k,   e_k = M_k / N_k                eq. 6 to 8
 *
 * An entry that hardly any vector falls to any more is set to one of the batch.
 * @param count entries, K
 * @param size of each
 */
export function codebook(count: number, size: number, decay: number): Codebook {
  const start = { distribution: 'normal', scale: 1 / Math.sqrt(size) } as const;
  const nearest: Codebook['nearest'] = (state, z) => {
    const table = state[vectors] as tf.Tensor2D; // [K, size]
    // |z - e|^2 but for |z|^2, which is the same for all entries.
    const distances = tf.sub(
      tf.sum(tf.square(table), 1),
      tf.mul(2, tf.matMul(z as tf.Tensor2D, table, false, true)),
    ); // [rows, K]
    return tf.argMin(distances, 1);
  };
  return {
    specs: asKind('statistic', {
      [vectors]: { shape: [count, size], initial: start },
      [counts]: { shape: [count], initial: 1 },
      [sums]: { shape: [count, size], initial: start },
    }),
    nearest,
    lookUp: (state, index) => tf.matMul(oneHot(index, count), state[vectors] as tf.Tensor2D),
    follow: (state, z) => {
      const rows = z.shape[0]!;
      const chosen = oneHot(nearest(state, z), count); // [rows, K]
      const used = tf.sum(chosen, 0); // [K]
      const mixed = (before: tf.Tensor, now: tf.Tensor) =>
        tf.add(tf.mul(decay, before), tf.mul(1 - decay, now));
      const runningCounts = mixed(state[counts]!, used);
      const runningSums = mixed(state[sums]!, tf.matMul(chosen, z as tf.Tensor2D, true, false));
      const even = rows / count;
      const dead = tf.expandDims(tf.cast(tf.less(runningCounts, leastShare * even), 'float32'), 1); // [K, 1]
      // The batch is shuffled: vectors at even distances are as good as any.
      const places = Int32Array.from(
        { length: count },
        (_, k) => Math.floor(((k + 0.5) * rows) / count) % rows,
      );
      const others = tf.gather(z, tf.tensor1d(places, 'int32')); // [K, size]
      const alive = tf.sub(1, dead);
      const nextCounts = tf.add(
        tf.mul(runningCounts, tf.reshape(alive, [-1])),
        tf.mul(even, tf.reshape(dead, [-1])),
      );
      const nextSums = tf.add(tf.mul(runningSums, alive), tf.mul(tf.mul(others, dead), even));
      const share = tf.div(used, rows);
      return {
        statistics: {
          [vectors]: tf.div(nextSums, tf.expandDims(nextCounts, 1)),
          [counts]: nextCounts,
          [sums]: nextSums,
        },
        perplexity: tf.exp(tf.neg(tf.sum(tf.mul(share, tf.log(tf.maximum(share, 1e-10)))))),
      };
    },
  };
}

/** A function of a tensor whose gradient is taken to be that of the identity (Bengio, Leonard and Courville 2013). */
export function straightThrough(z: tf.Tensor, f: (z: tf.Tensor) => tf.Tensor): tf.Tensor {
  return tf.customGrad((...args: (tf.Tensor | tf.GradSaveFunc)[]) => ({
    value: f(args[0] as tf.Tensor),
    gradFunc: (dy: tf.Tensor) => dy,
  }))(z);
}

/** A function of a tensor that counts as a constant. */
export function constant(z: tf.Tensor, f: (z: tf.Tensor) => tf.Tensor): tf.Tensor {
  const { shape } = z;
  return tf.customGrad((...args: (tf.Tensor | tf.GradSaveFunc)[]) => ({
    value: f(args[0] as tf.Tensor),
    gradFunc: () => tf.zeros(shape),
  }))(z);
}
