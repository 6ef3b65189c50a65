import { tf } from '@generatrix/export';
import {
  discretisedLogisticBounds,
  discretisedLogisticDraw,
  discretisedLogisticLogProb,
} from './discretised-logistic.ts';
import { type Bounds, categoricalBounds, categoricalDraw, type ForcedDraw } from './inversion.ts';

/** A mixture of logistics over the evenly spaced levels of one or several channels. */
export interface LogisticMixture {
  readonly components: number;
  /** Levels of each channel, -1 to 1 as values, 0 to levels - 1 as numbers. */
  readonly levels: number;
  readonly channels: number;
}

/** Parameters of a mixture: weights, then means and log scales of each channel, then what channels take of others. */
export function logisticMixtureWidth({ components, channels }: LogisticMixture): number {
  return components * (1 + 2 * channels + (channels * (channels - 1)) / 2);
}

/** What the parameters [..., C] say, [..., K] each. */
function parts({ channels, components, levels }: LogisticMixture, parameters: tf.Tensor) {
  const last = parameters.rank - 1;
  const pairs = (channels * (channels - 1)) / 2;
  const each = tf.split(parameters, 1 + 2 * channels + pairs, last) as tf.Tensor[];
  // Below a sixteenth of the levels' spacing a component gives its level 0.9993: narrower would buy nothing, and its
  // gradients grow without bound (the paper's code stops near an eighth).
  const least = Math.log(2 / (levels - 1) / 16);
  return {
    logits: each[0]!,
    means: each.slice(1, 1 + channels),
    logScales: each.slice(1 + channels, 1 + 2 * channels).map((x) => tf.maximum(x, least)),
    coefficients: each.slice(1 + 2 * channels).map((x) => tf.tanh(x)),
    numbers: tf.tensor1d(Float32Array.from({ length: components }, (_, k) => k)),
  };
}

/**
 * The mean of a channel given the values of those before it (eq. 3): a linear function of them, with a coefficient in
 * (-1, 1) for each component.
 */
function conditionalMean(
  { means, coefficients }: Pick<ReturnType<typeof parts>, 'means' | 'coefficients'>,
  channel: number,
  before: readonly tf.Tensor[],
): tf.Tensor {
  const first = (channel * (channel - 1)) / 2;
  return before.reduce((mean, x, i) => tf.add(mean, tf.mul(coefficients[first + i]!, x)), means[channel]!);
}

/**
 * Log-probability of levels under a mixture of discretised logistics (Salimans et al. 2017, arXiv:1701.05517, eq. 2
 * and 3). The channels of a pixel share the choice of the component, and each channel's mean is linear in the channels
 * before it. Nats.
 * @param values levels as values in [-1, 1]: [..., channels]
 * @param parameters [..., C] as `logisticMixtureWidth` counts them
 * @returns [...]
 */
export function logisticMixtureLogProb(
  mixture: LogisticMixture,
  values: tf.Tensor,
  parameters: tf.Tensor,
): tf.Tensor {
  const last = parameters.rank - 1;
  const own = parts(mixture, parameters);
  const x = tf.split(values, mixture.channels, last) as tf.Tensor[]; // [..., 1] each
  const logWeights = tf.sub(own.logits, tf.logSumExp(own.logits, last, true));
  const joint = x.reduce((sum, value, channel) => {
    const mean = conditionalMean(own, channel, x.slice(0, channel));
    return tf.add(sum, discretisedLogisticLogProb(value, mean, own.logScales[channel]!, mixture.levels));
  }, logWeights);
  return tf.logSumExp(joint, last);
}

/** The values in [-1, 1] of numbered levels. */
export function levelValue(index: tf.Tensor, levels: number): tf.Tensor {
  return tf.sub(tf.mul(index, 2 / (levels - 1)), 1);
}

/** The number of the level nearest to a value; values outside [-1, 1] count as -1 or 1. */
export function levelIndex(x: tf.Tensor, levels: number): tf.Tensor {
  const scaled = tf.mul(tf.add(tf.clipByValue(x, -1, 1), 1), (levels - 1) / 2);
  return tf.floor(tf.add(scaled, 0.5));
}

/**
 * Levels drawn from the distribution of `logisticMixtureLogProb`: a component for each example, then channel by
 * channel.
 * @param parameters [batch, C]
 * @param noise uniform: `component` [batch] and `uniform` [batch, channels]
 * @param temperature divides the weights' logits and multiplies the scales
 * @returns numbers of levels, [batch, channels]
 */
export function logisticMixtureDraw(
  mixture: LogisticMixture,
  parameters: tf.Tensor,
  noise: { readonly component: tf.Tensor; readonly uniform: tf.Tensor },
  temperature: tf.Tensor,
): tf.Tensor {
  return logisticMixtureForced(mixture, parameters, noise, temperature).value;
}

/**
 * As `logisticMixtureDraw`, with the bounds of the noise: [batch, channels] each, those of `component` as if each
 * channel had the one number of its pixel.
 * @param given numbers of the levels that channels go on from, [batch, channels]; what is drawn when absent
 */
export function logisticMixtureForced(
  mixture: LogisticMixture,
  parameters: tf.Tensor,
  noise: { readonly component: tf.Tensor; readonly uniform: tf.Tensor },
  temperature: tf.Tensor,
  given?: tf.Tensor,
): ForcedDraw {
  const { levels, channels } = mixture;
  const own = parts(mixture, parameters);
  const index = categoricalDraw(own.logits, noise.component, temperature); // [batch]
  const chosen = tf.cast(tf.equal(tf.expandDims(index, 1), own.numbers), 'float32'); // [batch, K]
  const pick = (x: tf.Tensor) => tf.sum(tf.mul(chosen, x), 1, true); // [batch, 1]
  const uniforms = tf.split(noise.uniform, channels, 1) as tf.Tensor[];
  const known = given === undefined ? [] : (tf.split(given, channels, 1) as tf.Tensor[]);
  const drawn: tf.Tensor[] = [];
  const values: tf.Tensor[] = [];
  const bounds: Bounds[] = [];
  for (const [channel, uniform] of uniforms.entries()) {
    const mean = pick(conditionalMean(own, channel, values));
    const scale = tf.mul(temperature, tf.exp(pick(own.logScales[channel]!)));
    const level = discretisedLogisticDraw(mean, scale, uniform, levels);
    drawn.push(level);
    values.push(levelValue(known[channel] ?? level, levels));
    if (given !== undefined) bounds.push(discretisedLogisticBounds(mean, scale, level, levels));
  }
  const value = tf.concat(drawn, 1);
  if (given === undefined) return { value, bounds: {} };
  const side = (of: 'lower' | 'upper') =>
    tf.concat(
      bounds.map((each) => each[of]),
      1,
    );
  const component = categoricalBounds(own.logits, index, temperature);
  const spread = (x: tf.Tensor) => tf.tile(tf.expandDims(x, 1), [1, channels]);
  return {
    value,
    bounds: {
      uniform: { lower: side('lower'), upper: side('upper') },
      component: { lower: spread(component.lower), upper: spread(component.upper) },
    },
  };
}
