import { tf } from '@generatrix/export';

const logTwoPi = Math.log(2 * Math.PI);

/** Sums over every axis but the first: [batch, ...] to [batch]. */
export function sumExamples(x: tf.Tensor): tf.Tensor1D {
  return tf.sum(tf.reshape(x, [x.shape[0]!, -1]), 1);
}

/** Log-density of N(mean, std^2), element by element; `logStd` broadcasts. Nats. */
export function normalLogProb(x: tf.Tensor, mean: tf.Tensor, logStd: tf.Tensor | number): tf.Tensor {
  const deviation = tf.mul(tf.sub(x, mean), tf.exp(tf.neg(logStd)));
  return tf.sub(tf.mul(-0.5, tf.add(tf.square(deviation), logTwoPi)), logStd);
}

/** Log-density of the standard normal, element by element. Nats. */
export function standardNormalLogProb(x: tf.Tensor): tf.Tensor {
  return tf.mul(-0.5, tf.add(tf.square(x), logTwoPi));
}

/**
 * Log-probability of x in {0, 1} under a Bernoulli distribution given by logits, element by element, without overflow:
 * x * logit - softplus(logit). Nats.
 */
export function bernoulliLogProb(x: tf.Tensor, logits: tf.Tensor): tf.Tensor {
  return tf.sub(tf.mul(x, logits), tf.softplus(logits));
}

/** KL(N(mean, std^2) || N(0, 1)), element by element (Kingma and Welling 2014, appendix B). Nats. */
export function standardNormalDivergence(mean: tf.Tensor, logStd: tf.Tensor): tf.Tensor {
  const variance = tf.exp(tf.mul(2, logStd));
  return tf.sub(tf.mul(0.5, tf.sub(tf.add(tf.square(mean), variance), 1)), logStd);
}

/** KL(N(mean, std^2) || N(priorMean, priorStd^2)), element by element. Nats. */
export function normalDivergence(
  { mean, logStd }: { readonly mean: tf.Tensor; readonly logStd: tf.Tensor },
  prior: { readonly mean: tf.Tensor; readonly logStd: tf.Tensor },
): tf.Tensor {
  const log = tf.sub(logStd, prior.logStd); // of std / priorStd
  const shift = tf.mul(tf.sub(mean, prior.mean), tf.exp(tf.neg(prior.logStd)));
  return tf.sub(tf.mul(0.5, tf.sub(tf.add(tf.square(shift), tf.exp(tf.mul(2, log))), 1)), log);
}

/** Rounds values in [0, 1] to 0 or 1 at random, 1 with probability x: uniform noise u gives u < x. */
export function binarise(x: tf.Tensor, uniform: tf.Tensor): tf.Tensor {
  return tf.cast(tf.less(uniform, x), 'float32');
}
