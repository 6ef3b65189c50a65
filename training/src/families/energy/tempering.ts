import { scan, tf } from '@generatrix/export';
import type { NoiseDistribution } from '@generatrix/runtime/core';
import type { NoiseSpec } from '../../model/model.ts';
import type { AnnealedPath } from './annealed-path.ts';

/**
 * Parallel tempering (Desjardins et al. 2010, section 3; Cho, Raiko and Ilin 2010): R replicas of each chain, at inverse
 * temperatures 1 = b_0 > ... > b_{R-1} = 0 of the way from independent units to the machine. Each makes Gibbs steps of its
 * own, then neighbours a and b swap with the probability min(1, f_a(v_b) f_b(v_a) / (f_a(v_a) f_b(v_b))), which leaves the
 * product of their distributions as it is. The replica of b_0 = 1 is distributed as the machine is, and goes from mode to
 * mode by way of the others.
 */

/** What steps draw by, [batch, steps, R, n] each: numbers for units of either side, and two for swaps. */
export type TemperedNoise = Readonly<Record<'hidden' | 'visible' | 'swap', tf.Tensor>>;

/** The inverse temperatures of so many replicas, evenly from 1 to 0: [R, 1]. */
export function ladder(replicas: number): tf.Tensor {
  const rungs = Array.from({ length: replicas }, (_, r) => [1 - r / (replicas - 1)]);
  return tf.tensor2d(rungs, [replicas, 1]);
}

/** The noise of so many steps. */
export function temperedNoise(
  steps: number,
  replicas: number,
  units: { readonly hidden: number; readonly visible: number; readonly visibleNoise: NoiseDistribution },
): Readonly<Record<keyof TemperedNoise, NoiseSpec>> {
  const uniform = (count: number): NoiseSpec => ({
    distribution: 'uniform',
    shape: [steps, replicas, count],
  });
  return {
    ...{ hidden: uniform(units.hidden), swap: uniform(2) },
    visible: { distribution: units.visibleNoise, shape: [steps, replicas, units.visible] },
  };
}

/** With whom each of the replicas may swap in a sweep: 0 with 1, 2 with 3 ... where `first` is 0, else 1 with 2 ... */
function partners(replicas: number, first: 0 | 1): number[] {
  return Array.from({ length: replicas }, (_, r) => {
    const partner = (r - first) % 2 === 0 ? r + 1 : r - 1;
    return r >= first && partner < replicas ? partner : r;
  });
}

/**
 * One sweep of swaps between neighbours.
 * @param values of all replicas, [batch, R, V]
 * @param uniform one number for each, [batch, R]; a pair uses that of its first
 * @returns the replicas after it, [batch, R, V]
 */
export function swapped(path: AnnealedPath, values: tf.Tensor, uniform: tf.Tensor, first: 0 | 1): tf.Tensor {
  const [batch = 0, replicas = 0, units = 0] = values.shape;
  const other = partners(replicas, first);
  const lower = other.map((partner, r) => Math.min(partner, r));
  const [own, theirs] = [tf.range(0, replicas, 1, 'int32'), tf.tensor1d(other, 'int32')].map((index) =>
    tf.reshape(tf.tile(tf.expandDims(tf.gather(ladder(replicas), index as tf.Tensor1D), 0), [batch, 1, 1]), [
      batch * replicas,
      1,
    ]),
  );
  const flat = tf.reshape(values, [batch * replicas, units]);
  const rise = tf.reshape(path.logRatio(flat, own!, theirs!), [batch, replicas]);
  const gain = tf.add(rise, tf.gather(rise, tf.tensor1d(other, 'int32'), 1));
  const drawn = tf.gather(uniform, tf.tensor1d(lower, 'int32'), 1);
  const swaps = tf.less(drawn, tf.exp(tf.minimum(gain, 0)));
  return tf.where(tf.expandDims(swaps, 2), tf.gather(values, tf.tensor1d(other, 'int32'), 1), values);
}

/**
 * So many steps of all replicas, a block Gibbs step of each and two sweeps of swaps: [batch, R, V] to [batch, R, V].
 */
export function temperedSteps(path: AnnealedPath, from: tf.Tensor, noise: TemperedNoise): tf.Tensor {
  const [batch = 0, replicas = 0, units = 0] = from.shape;
  const stepsFirst = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2, 3]);
  const flat = (x: tf.Tensor) => tf.reshape(x, [batch * replicas, x.shape[2]!]);
  const { carries } = scan({
    carries: { values: from },
    sequences: {
      hidden: stepsFirst(noise.hidden),
      visible: stepsFirst(noise.visible),
      swap: stepsFirst(noise.swap),
    },
    body: ({ values }, { hidden, visible, swap }) => {
      const at = tf.reshape(tf.tile(tf.expandDims(ladder(replicas), 0), [batch, 1, 1]), [
        batch * replicas,
        1,
      ]);
      const moved = path.step(flat(values!), at, { hidden: flat(hidden!), visible: flat(visible!) });
      const [even, odd] = tf.unstack(swap!, 2) as [tf.Tensor, tf.Tensor];
      const after = tf.reshape(moved, [batch, replicas, units]);
      return { carries: { values: swapped(path, swapped(path, after, even, 0), odd, 1) } };
    },
  });
  return carries.values!;
}
