import { type NamedTensors, tf } from '@generatrix/export';

/** Where a uniform number on [0, 1) may lie without another value being drawn: between two tensors of its shape. */
export interface Bounds {
  readonly lower: tf.Tensor;
  readonly upper: tf.Tensor;
  /** The distribution that it chooses from: logits of 1 [n], or of each class [n, classes]. */
  readonly logits?: tf.Tensor;
}

/** What is drawn at each step given the values before it, and by the name of each uniform noise its bounds. */
export interface ForcedDraw {
  readonly value: tf.Tensor;
  readonly bounds: Readonly<Record<string, Bounds>>;
}

/** Below and above every uniform number: no bound at all. */
const [below, above] = [-1, 2];

/**
 * The distribution function of softmax(logits / temperature) from both its ends, [n, classes] each: `lower` has the
 * probability of a class and all before it, `upper` that of all after it. Each is accurate relative to itself, so that
 * bounds near 1 differ no more between two runtimes than those near 0, where the sum from one end would differ by a
 * rounding of 1 at each of them.
 */
export function distributionTails(
  logits: tf.Tensor,
  temperature: tf.Tensor,
): { lower: tf.Tensor; upper: tf.Tensor } {
  const probabilities = tf.softmax(tf.div(logits, temperature));
  return {
    lower: tf.cumsum(probabilities, 1),
    upper: tf.cumsum(probabilities, 1, true, true),
  };
}

/**
 * A class for each row by inversion of the distribution function: logits [n, classes] and uniform noise [n] to [n]
 * whole numbers in float32. The temperature divides the logits.
 */
export function categoricalDraw(logits: tf.Tensor, uniform: tf.Tensor, temperature: tf.Tensor): tf.Tensor1D {
  const { lower, upper } = distributionTails(logits, temperature);
  const u = tf.expandDims(uniform, 1); // [n, 1]
  // The lower half is decided from below, the rest from above: 1 - u is exact, as u is a multiple of 2^-24.
  const passed = tf.where(
    tf.less(lower, 0.5),
    tf.cast(tf.greaterEqual(u, lower), 'float32'),
    tf.cast(tf.lessEqual(tf.sub(1, u), upper), 'float32'),
  );
  // After the last class there is nothing, and 1 - u is more than that: no more than classes - 1 are passed.
  return tf.sum(passed, 1) as tf.Tensor1D;
}

/** The bounds of the noise that leads to the classes `index` [n]: [n] each. */
export function categoricalBounds(logits: tf.Tensor, index: tf.Tensor, temperature: tf.Tensor): Bounds {
  const classes = logits.shape[1]!;
  const { lower, upper } = distributionTails(logits, temperature);
  const thresholds = tf.where(tf.less(lower, 0.5), lower, tf.sub(1, upper)); // [n, classes]
  const numbers = tf.tensor1d(Float32Array.from({ length: classes }, (_, k) => k));
  const at = (place: tf.Tensor) => {
    const chosen = tf.cast(tf.equal(tf.expandDims(place, 1), numbers), 'float32');
    return tf.sum(tf.mul(chosen, thresholds), 1); // [n]
  };
  const before = tf.sub(index, 1);
  return {
    logits,
    lower: tf.where(tf.less(before, 0), below, at(before)),
    upper: tf.where(tf.greaterEqual(index, classes - 1), above, at(index)),
  };
}

/** 1 with the probability whose logit is given, element by element, where the uniform number lies below it; else 0. */
export function bernoulliDraw(logits: tf.Tensor, uniform: tf.Tensor, temperature: tf.Tensor): tf.Tensor {
  const scaled = tf.div(logits, temperature);
  // The probability of the rarer value, which is accurate relative to itself; the other end is seen from above.
  const rarer = tf.sigmoid(tf.neg(tf.abs(scaled)));
  return tf.where(
    tf.less(scaled, 0),
    tf.cast(tf.less(uniform, rarer), 'float32'),
    tf.cast(tf.greater(tf.sub(1, uniform), rarer), 'float32'),
  );
}

/** The bounds of the noise that leads to the values 0 or 1. */
export function bernoulliBounds(logits: tf.Tensor, value: tf.Tensor, temperature: tf.Tensor): Bounds {
  const probability = tf.sigmoid(tf.div(logits, temperature));
  const one = tf.greater(value, 0.5);
  return {
    logits,
    lower: tf.where(one, tf.fill(probability.shape, below), probability),
    upper: tf.where(one, probability, tf.fill(probability.shape, above)),
  };
}

/** No bounds: noise that nothing is chosen by. */
export function unbounded(uniform: tf.Tensor): Bounds {
  return { lower: tf.fill(uniform.shape, below), upper: tf.fill(uniform.shape, above) };
}

/** Bounds after a change of their tensors, such as of their shape; the distributions stay as they are. */
export function mapBounds(
  bounds: Readonly<Record<string, Bounds>>,
  change: (x: tf.Tensor) => tf.Tensor,
): Record<string, Bounds> {
  const entries = Object.entries(bounds).map(([name, { lower, upper, ...distribution }]) => [
    name,
    { ...distribution, lower: change(lower), upper: change(upper) },
  ]);
  return Object.fromEntries(entries) as Record<string, Bounds>;
}

/** Every tensor after a change. */
export function mapNoise(noise: NamedTensors, change: (x: tf.Tensor) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(noise).map(([name, x]) => [name, change(x)]));
}
