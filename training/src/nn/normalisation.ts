import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import { batchNormalised, channelMoments, epsilon } from './batch-normalised.ts';
import type { Module, Pass } from './module.ts';

/** Normalisations that a family's options may name. `none` is the identity. */
export type NormalisationKind = 'none' | 'batch' | 'virtual';

/** Weight of the old running statistics after each step. */
const decay = 0.9;

/** The normalisation of this kind, of the last axis: [batch, ..., width] to the same. */
export function normalisation(name: string, width: number, kind: NormalisationKind): Module {
  if (kind === 'none') return { specs: {}, apply: (_, x) => x };
  return kind === 'batch' ? batchNorm(name, width) : virtualBatchNorm(name, width);
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015, algorithm 1): mean and variance of each channel over the batch and
 * all positions; outside training those that `runningMoments` gathered in `name/mean` and `name/variance`.
 */
export function batchNorm(name: string, width: number): Module {
  const statistics: StateSpecs = {
    [`${name}/mean`]: { shape: [width], initial: 0, kind: 'statistic' },
    [`${name}/variance`]: { shape: [width], initial: 1, kind: 'statistic' },
  };
  const running = normalised(name, width, statistics, (state) => ({
    mean: state[`${name}/mean`]!,
    variance: state[`${name}/variance`]!,
  }));
  return {
    specs: running.specs,
    apply: (state, x, pass) => {
      if (!pass.training) return running.apply(state, x, pass);
      const { mean, variance } = channelMoments(x); // [width] each
      pass.moments[`${name}/mean`] = mean;
      pass.moments[`${name}/variance`] = variance;
      return batchNormalised(x, state[`${name}/scale`]!, state[`${name}/offset`]!);
    },
  };
}

/**
 * Virtual batch normalisation (Salimans et al. 2016, section 3.5): each example is normalised by the statistics of
 * a fixed reference batch of n examples and itself, weighted n / (n + 1) and 1 / (n + 1); the reference batch by its
 * own alone. So an example does not depend on the others of its batch, neither in training nor after it.
 */
export function virtualBatchNorm(name: string, width: number): Module {
  return normalised(name, width, {}, (_, x, { reference }) => {
    if (reference === undefined)
      throw new Error(`layer '${name}': virtual batch normalisation has no reference batch`);
    const { moments, recording, size } = reference;
    const inner = x.shape.slice(1, -1).map((_, axis) => axis + 1);
    const own = (values: tf.Tensor) => (inner.length === 0 ? values : tf.mean(values, inner, true));
    const mean = own(x); // [batch, 1..., width]
    const meanSquare = own(tf.square(x)); // [batch, 1..., width]
    if (recording) {
      moments[`${name}/mean`] = tf.mean(mean, 0, true); // [1, 1..., width]
      moments[`${name}/meanSquare`] = tf.mean(meanSquare, 0, true); // [1, 1..., width]
      return fromSquares(moments[`${name}/mean`]!, moments[`${name}/meanSquare`]!);
    }
    const share = 1 / (size + 1);
    const blended = (values: tf.Tensor, fixed: tf.Tensor) =>
      tf.add(tf.mul(share, values), tf.mul(1 - share, fixed));
    return fromSquares(
      blended(mean, moments[`${name}/mean`]!),
      blended(meanSquare, moments[`${name}/meanSquare`]!),
    );
  });
}

/** Layer normalisation (Ba et al. 2016, eq. 4): each position by the mean and variance of its own channels. */
export function layerNorm(name: string, width: number): Module {
  return normalised(name, width, {}, (_, x) => momentsOver(x, [x.rank - 1], true));
}

/**
 * Group normalisation (Wu and He 2018, eq. 1 and 2): the channels in consecutive groups, each example's group by its
 * mean and variance over channels and positions.
 * @param groups divides the width
 */
export function groupNorm(name: string, width: number, groups: number): Module {
  if (width % groups !== 0)
    throw new Error(`layer '${name}': ${groups} groups do not divide ${width} channels`);
  return withAffine(name, width, {}, (_, x) => {
    const positions = x.shape.slice(1, -1).reduce((product, length) => product * length, 1);
    const grouped = tf.reshape(x, [x.shape[0]!, positions, groups, width / groups]);
    return tf.reshape(standardised(grouped, momentsOver(grouped, [1, 3], true)), x.shape);
  });
}

/** Instance normalisation (Ulyanov et al. 2016): every example's channel by its mean and variance over the positions. */
export function instanceNorm(name: string, width: number): Module {
  return groupNorm(name, width, width);
}

interface Moments {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

function momentsOver(x: tf.Tensor, axes: number[], keepDims: boolean): Moments {
  const mean = tf.mean(x, axes, keepDims);
  return { mean, variance: tf.mean(tf.square(tf.sub(x, mean)), axes, keepDims) };
}

function fromSquares(mean: tf.Tensor, meanSquare: tf.Tensor): Moments {
  // A difference of two sums may round below zero.
  return { mean, variance: tf.relu(tf.sub(meanSquare, tf.square(mean))) };
}

function standardised(x: tf.Tensor, { mean, variance }: Moments): tf.Tensor {
  return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)));
}

function normalised(
  name: string,
  width: number,
  statistics: StateSpecs,
  moments: (state: NamedTensors, x: tf.Tensor, pass: Pass) => Moments,
): Module {
  return withAffine(name, width, statistics, (state, x, pass) => standardised(x, moments(state, x, pass)));
}

/** What every normalisation ends with: a learned scale and offset of each channel, `name/scale` and `name/offset`. */
function withAffine(
  name: string,
  width: number,
  statistics: StateSpecs,
  standardise: Module['apply'],
): Module {
  const [scale, offset] = [`${name}/scale`, `${name}/offset`];
  return {
    specs: {
      [scale]: { shape: [width], initial: 1 },
      [offset]: { shape: [width], initial: 0 },
      ...statistics,
    },
    apply: (state, x, pass) => tf.add(tf.mul(standardise(state, x, pass), state[scale]!), state[offset]!),
  };
}

/**
 * The running statistics after a step: 0.9 of the old and 0.1 of the mean over the passes of the step (a
 * discriminator has one pass of examples and one of samples).
 * @param passes the `moments` of each pass, with the same names
 */
export function runningMoments(state: NamedTensors, passes: readonly NamedTensors[]): NamedTensors {
  return Object.fromEntries(
    Object.keys(passes[0] ?? {}).map((name) => {
      const sum = passes
        .slice(1)
        .reduce<tf.Tensor>((total, pass) => tf.add(total, pass[name]!), passes[0]![name]!);
      const fresh = tf.mul(sum, (1 - decay) / passes.length);
      return [name, tf.add(tf.mul(decay, state[name]!), fresh)];
    }),
  );
}
