import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';
import type { Pass } from './layer.ts';

export type NormalisationKind = 'none' | 'batch' | 'virtual';

/** Added to variances before the root. */
const epsilon = 1e-5;
/** Weight of the old running statistics after each step. */
const decay = 0.9;

/**
 * What follows a linear map: a bias (`none`), or a scale and an offset of the normalised values. Batch normalisation
 * keeps running statistics `name/mean` and `name/variance`; virtual batch normalisation needs none.
 */
export function normalisationSpecs(
  name: string,
  width: number,
  kind: NormalisationKind,
  bias: boolean,
): { parameters: StateSpecs; statistics: StateSpecs } {
  const shape = [width];
  if (kind === 'none') {
    return { parameters: bias ? { [`${name}/bias`]: { shape, initial: 0 } } : {}, statistics: {} };
  }
  const parameters = { [`${name}/scale`]: { shape, initial: 1 }, [`${name}/offset`]: { shape, initial: 0 } };
  if (kind === 'virtual') return { parameters, statistics: {} };
  const statistics = {
    [`${name}/mean`]: { shape, initial: 0 },
    [`${name}/variance`]: { shape, initial: 1 },
  };
  return { parameters, statistics };
}

/** Adds the bias or normalises: [batch, ..., width] to the same shape. */
export function applyNormalisation(
  state: NamedTensors,
  name: string,
  x: tf.Tensor,
  kind: NormalisationKind,
  bias: boolean,
  pass: Pass,
): tf.Tensor {
  if (kind === 'none') return bias ? tf.add(x, state[`${name}/bias`]!) : x;
  const { mean, variance } =
    kind === 'batch' ? batchMoments(state, name, x, pass) : virtualMoments(name, x, pass);
  const normalised = tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(normalised, state[`${name}/scale`]!), state[`${name}/offset`]!);
}

interface Moments {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/**
 * Batch normalisation (Ioffe and Szegedy 2015, algorithm 1): mean and variance of each channel over the batch and
 * all positions; outside training those that `runningMoments` gathered.
 */
function batchMoments(state: NamedTensors, name: string, x: tf.Tensor, pass: Pass): Moments {
  if (!pass.training) return { mean: state[`${name}/mean`]!, variance: state[`${name}/variance`]! };
  const axes = x.shape.slice(0, -1).map((_, axis) => axis);
  const mean = tf.mean(x, axes); // [width]
  const variance = tf.mean(tf.square(tf.sub(x, mean)), axes); // [width]
  pass.moments[`${name}/mean`] = mean;
  pass.moments[`${name}/variance`] = variance;
  return { mean, variance };
}

/**
 * Virtual batch normalisation (Salimans et al. 2016, section 3.5): each example is normalised by the statistics of
 * a fixed reference batch of n examples and itself, weighted n / (n + 1) and 1 / (n + 1); the reference batch by its
 * own alone. So an example does not depend on the others of its batch, neither in training nor after it.
 */
function virtualMoments(name: string, x: tf.Tensor, { reference }: Pass): Moments {
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
    return momentsOf(moments[`${name}/mean`]!, moments[`${name}/meanSquare`]!);
  }
  const share = 1 / (size + 1);
  const blended = (values: tf.Tensor, fixed: tf.Tensor) =>
    tf.add(tf.mul(share, values), tf.mul(1 - share, fixed));
  return momentsOf(
    blended(mean, moments[`${name}/mean`]!),
    blended(meanSquare, moments[`${name}/meanSquare`]!),
  );
}

function momentsOf(mean: tf.Tensor, meanSquare: tf.Tensor): Moments {
  // A difference of two sums may round below zero.
  return { mean, variance: tf.relu(tf.sub(meanSquare, tf.square(mean))) };
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
