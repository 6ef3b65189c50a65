import { tf } from '@generatrix/export';
import { type Bounds, unbounded } from './inversion.ts';

/**
 * Log-probability of a level under a logistic distribution cut into evenly spaced levels, the outermost of which take
 * the tails (Salimans et al. 2017, arXiv:1701.05517, eq. 2), element by element. Nats.
 *
 *   P(x) = sigma(a) - sigma(b),   a = (x + half - mean) / s,   b = (x - half - mean) / s
 *
 * with 1 in the place of sigma(a) at the last level and 0 in that of sigma(b) at the first. Since
 * sigma(a) - sigma(b) = sigma(a) sigma(-b) (1 - exp(b - a)) and a - b = spacing / s whatever x is, the logarithm is
 *
 *   -softplus(-a) - softplus(b) + log(1 - exp(-spacing / s))
 *
 * which neither cancels nor overflows, so it needs none of the paper's code's approximations far from the mean.
 * @param x levels in [-1, 1], -1 + 2 k / (levels - 1) for k = 0, 1, ...; broadcasts with the rest
 * @param logScale natural logarithm of the scale s
 */
export function discretisedLogisticLogProb(
  x: tf.Tensor,
  mean: tf.Tensor,
  logScale: tf.Tensor,
  levels: number,
): tf.Tensor {
  const half = 1 / (levels - 1);
  const perScale = tf.exp(tf.neg(logScale));
  const centred = tf.sub(x, mean);
  const notLast = tf.cast(tf.less(x, 1 - half), 'float32');
  const notFirst = tf.cast(tf.greater(x, half - 1), 'float32');
  const upper = tf.mul(notLast, tf.softplus(tf.neg(tf.mul(tf.add(centred, half), perScale))));
  const lower = tf.mul(notFirst, tf.softplus(tf.mul(tf.sub(centred, half), perScale)));
  const between = tf.mul(tf.mul(notLast, notFirst), logOneMinusExp(tf.mul(perScale, 2 * half)));
  return tf.sub(between, tf.add(upper, lower));
}

/**
 * log(1 - exp(-d)) for d > 0, element by element, exact for small d too: below a half by the series of
 * log(d) - d / 2 + log(sinh(d / 2) / (d / 2)), whose next term is under 1e-9. tanh(d / 2) would do in one piece, but
 * WebGPU computes it from exponentials, which cancel. The two pieces are added, since each stands still where the
 * other counts.
 */
function logOneMinusExp(d: tf.Tensor): tf.Tensor {
  const small = tf.minimum(d, 0.5);
  const square = tf.square(small);
  const even = tf.add(tf.mul(tf.add(tf.mul(square, 1 / 181_440), -1 / 2880), square), 1 / 24);
  const series = tf.add(tf.sub(tf.log(small), tf.mul(small, 0.5)), tf.mul(square, even));
  const direct = tf.log(tf.sub(1, tf.exp(tf.neg(tf.maximum(d, 0.5)))));
  return tf.add(series, tf.sub(direct, Math.log(1 - Math.exp(-0.5))));
}

/** The smallest uniform noise that has a logarithm: half of the step of 24-bit noise. */
const leastUniform = 2 ** -25;

/**
 * A level drawn from the distribution of `discretisedLogisticLogProb` by inversion, element by element: the logistic
 * value mean + s log(u / (1 - u)), cut to [-1, 1] and rounded to the nearest level, the levels numbered from 0.
 * @param uniform noise in [0, 1)
 */
export function discretisedLogisticDraw(
  mean: tf.Tensor,
  scale: tf.Tensor,
  uniform: tf.Tensor,
  levels: number,
): tf.Tensor {
  const u = tf.maximum(uniform, leastUniform);
  const logit = tf.sub(tf.log(u), tf.log(tf.sub(1, u)));
  const value = tf.clipByValue(tf.add(mean, tf.mul(scale, logit)), -1, 1);
  return tf.floor(tf.add(tf.mul(tf.add(value, 1), (levels - 1) / 2), 0.5));
}

/**
 * The bounds of the uniform noise that leads to numbered levels: the cumulative distribution function half a level
 * below and above; of the outermost levels, one side is open.
 */
export function discretisedLogisticBounds(
  mean: tf.Tensor,
  scale: tf.Tensor,
  level: tf.Tensor,
  levels: number,
): Bounds {
  const at = (edge: tf.Tensor) => {
    const value = tf.sub(tf.mul(edge, 2 / (levels - 1)), 1);
    return tf.sigmoid(tf.div(tf.sub(value, mean), scale));
  };
  const open = unbounded(level);
  return {
    lower: tf.where(tf.less(level, 0.5), open.lower, at(tf.sub(level, 0.5))),
    upper: tf.where(tf.greater(level, levels - 1.5), open.upper, at(tf.add(level, 0.5))),
  };
}
