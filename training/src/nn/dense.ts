import { tf } from '@generatrix/export';
import { glorotUniform } from './initial-values.ts';
import { type LinearOptions, linearMap } from './linear-map.ts';
import { type Module, sequential } from './module.ts';

/**
 * Fully connected, x @ kernel + bias: [batch, ..., inputs] to [batch, ..., outputs]. State: `name/kernel`
 * [inputs, outputs], Glorot-uniform when the options say nothing, and `name/bias` [outputs].
 */
export function dense(name: string, inputs: number, outputs: number, options: LinearOptions = {}): Module {
  return linearMap(
    name,
    {
      shape: [inputs, outputs],
      outputs,
      fans: { in: inputs, out: outputs },
      initial: glorotUniform,
      map: (x, kernel) => {
        if (x.rank === 2) return tf.matMul(x as tf.Tensor2D, kernel as tf.Tensor2D);
        const rows = tf.reshape(x, [-1, inputs]) as tf.Tensor2D;
        return tf.reshape(tf.matMul(rows, kernel as tf.Tensor2D), [...x.shape.slice(0, -1), outputs]);
      },
    },
    options,
  );
}

/** Dense layers `name/0`, `name/1`, ... from `inputs` through the hidden widths, an activation (ReLU) after each. */
export function mlp(
  name: string,
  inputs: number,
  hidden: readonly number[],
  options: LinearOptions & { readonly activation?: (x: tf.Tensor) => tf.Tensor } = {},
): Module {
  const { activation = (x) => tf.relu(x), ...linear } = options;
  const widths = [inputs, ...hidden];
  return sequential(
    hidden.flatMap((width, i) => [dense(`${name}/${i}`, widths[i]!, width, linear), activation]),
  );
}
