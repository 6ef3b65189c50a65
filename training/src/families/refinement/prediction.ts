import { tf } from '@generatrix/export';

/** Shares of the variance that are the example's and the noise's; they sum to 1 and broadcast to examples. */
export interface Shares {
  readonly signal: tf.Tensor;
  readonly noise: tf.Tensor;
}

/** An example and the noise that it is mixed with, each [batch, ...shape]. */
export interface Parts {
  readonly clean: tf.Tensor;
  readonly noise: tf.Tensor;
}

/** What a network is trained to tell of a mixture, and what the mixture is made of by that. */
interface Prediction {
  target(parts: Parts, shares: Shares): tf.Tensor;
  parts(x: tf.Tensor, predicted: tf.Tensor, shares: Shares): Parts;
}

/** x = sqrt(signal) clean + sqrt(noise) epsilon (Ho et al. 2020, eq. 4). */
export function mixed({ clean, noise }: Parts, shares: Shares): tf.Tensor {
  return weighted(tf.sqrt(shares.signal), clean, tf.sqrt(shares.noise), noise);
}

export const predictions = {
  /** The noise (Ho et al. 2020, eq. 14 and 15). */
  epsilon: {
    target: ({ noise }) => noise,
    parts: (x, predicted, shares) => ({
      clean: cleanOf(x, predicted, shares),
      noise: predicted,
    }),
  },
  /** sqrt(signal) epsilon - sqrt(noise) clean (Salimans and Ho 2022, appendix D), good where hardly any signal is left. */
  v: {
    target: ({ clean, noise }, shares) =>
      weighted(tf.sqrt(shares.signal), noise, tf.neg(tf.sqrt(shares.noise)), clean),
    parts: (x, predicted, shares) => {
      const [signal, noise] = [tf.sqrt(shares.signal), tf.sqrt(shares.noise)];
      return {
        clean: weighted(signal, x, tf.neg(noise), predicted),
        noise: weighted(noise, x, signal, predicted),
      };
    },
  },
} as const satisfies Record<string, Prediction>;
export type PredictionName = keyof typeof predictions;
export const predictionNames = [...(['v', 'epsilon'] as const)] as const satisfies readonly PredictionName[];

/** The parts with the example within [-1, 1], and the noise that is then left of x. */
export function clipped(x: tf.Tensor, { clean }: Parts, shares: Shares): Parts {
  const within = tf.clipByValue(clean, -1, 1);
  const rest = tf.sub(x, tf.mul(tf.sqrt(shares.signal), within));
  return { clean: within, noise: tf.div(rest, tf.sqrt(shares.noise)) };
}

function cleanOf(x: tf.Tensor, noise: tf.Tensor, shares: Shares): tf.Tensor {
  return tf.div(tf.sub(x, tf.mul(tf.sqrt(shares.noise), noise)), tf.sqrt(shares.signal));
}

function weighted(a: tf.Tensor, x: tf.Tensor, b: tf.Tensor, y: tf.Tensor): tf.Tensor {
  return tf.add(tf.mul(a, x), tf.mul(b, y));
}
