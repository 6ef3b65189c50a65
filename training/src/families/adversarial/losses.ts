import { tf } from '@generatrix/export';

export type AdversarialLossName = 'minimax' | 'non-saturating' | 'least-squares' | 'hinge' | 'wasserstein';

/** What the two players minimise, given the discriminator's outputs before any sigmoid, [batch] each. */
export interface AdversarialLoss {
  /** True when the sigmoid of an output is the discriminator's probability that the example is real. */
  readonly probability: boolean;
  /** @param target what the discriminator should say of real examples: 1, less with one-sided label smoothing */
  discriminator(real: tf.Tensor, fake: tf.Tensor, target: number): tf.Scalar;
  generator(fake: tf.Tensor): tf.Scalar;
}

/**
 * Cross-entropy of a discriminator with D = sigmoid(output): -E[t log D(x) + (1 - t) log(1 - D(x))]
 * - E[log(1 - D(G(z)))] (Goodfellow et al. 2014, eq. 1; target t below 1 for real examples only: Salimans et al.
 * 2016, section 3.4). With t = 1 it is log 4 where D is 1/2 everywhere.
 */
function crossEntropy(real: tf.Tensor, fake: tf.Tensor, target: number): tf.Scalar {
  const ofReal = tf.mean(tf.sub(tf.softplus(real), tf.mul(target, real)));
  return tf.add(ofReal, tf.mean(tf.softplus(fake)));
}

/** The losses by name. */
export const adversarialLosses: Readonly<Record<AdversarialLossName, AdversarialLoss>> = {
  // G minimises E[log(1 - D(G(z)))] (Goodfellow et al. 2014, eq. 1).
  minimax: {
    probability: true,
    discriminator: crossEntropy,
    generator: (fake) => tf.neg(tf.mean(tf.softplus(fake))),
  },
  // G minimises -E[log D(G(z))] (Goodfellow et al. 2014, section 3, end).
  'non-saturating': {
    probability: true,
    discriminator: crossEntropy,
    generator: (fake) => tf.mean(tf.softplus(tf.neg(fake))),
  },
  // 1/2 E[(D(x) - 1)^2] + 1/2 E[D(G(z))^2], and 1/2 E[(D(G(z)) - 1)^2] (Mao et al. 2017, eq. 9).
  'least-squares': {
    probability: false,
    discriminator: (real, fake, target) =>
      tf.mul(0.5, tf.add(tf.mean(tf.square(tf.sub(real, target))), tf.mean(tf.square(fake)))),
    generator: (fake) => tf.mul(0.5, tf.mean(tf.square(tf.sub(fake, 1)))),
  },
  // E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))], and -E[D(G(z))] (Lim and Ye 2017; Miyato et al. 2018, eq. 16, 17).
  hinge: {
    probability: false,
    discriminator: (real, fake) =>
      tf.add(tf.mean(tf.relu(tf.sub(1, real))), tf.mean(tf.relu(tf.add(1, fake)))),
    generator: (fake) => tf.neg(tf.mean(fake)),
  },
  // E[f(G(z))] - E[f(x)], and -E[f(G(z))] (Arjovsky et al. 2017, eq. 2 and algorithm 1).
  wasserstein: {
    probability: false,
    discriminator: (real, fake) => tf.sub(tf.mean(fake), tf.mean(real)),
    generator: (fake) => tf.neg(tf.mean(fake)),
  },
};

/**
 * The share of examples and samples of which a discriminator with D = sigmoid(output) is more than 99 % sure and
 * right; near 1, it no longer teaches a generator that minimises the minimax loss (Arjovsky and Bottou 2017).
 */
export function saturation(real: tf.Tensor, fake: tf.Tensor): tf.Scalar {
  const sure = Math.log(0.99 / 0.01);
  const share = (outputs: tf.Tensor) => tf.mean(tf.cast(tf.greater(outputs, sure), 'float32'));
  return tf.mul(0.5, tf.add(share(real), share(tf.neg(fake))));
}
