import { tf } from '@generatrix/export';
import type { Module } from './module.ts';

/**
 * Dropout (Srivastava et al. 2014, section 10, "inverted"): in training each value is 0 with probability `rate` and
 * divided by 1 - rate otherwise, which keeps its expectation; outside training nothing happens. The draws are the
 * noise `name`, uniform on [0, 1), which the step declares and the pass brings.
 * @param shape of an example, or one that broadcasts to it: [1, 1, channels] drops whole channels
 * @param rate in [0, 1)
 */
export function dropout(name: string, shape: readonly number[], rate: number): Module {
  if (!(rate >= 0 && rate < 1))
    throw new Error(`dropout '${name}': the rate is a share below 1, got ${rate}`);
  if (rate === 0) return { specs: {}, apply: (_, x) => x };
  return {
    specs: {},
    noise: { [name]: { distribution: 'uniform', shape } },
    apply: (_, x, { training, noise }) => {
      if (!training) return x;
      const uniform = noise?.[name];
      if (uniform === undefined) throw new Error(`dropout '${name}': the pass brings no noise of this name`);
      return tf.mul(x, tf.div(tf.cast(tf.greaterEqual(uniform, rate), 'float32'), 1 - rate));
    },
  };
}
