import { tf } from '@generatrix/export';
import { dense } from './dense.ts';
import type { LinearOptions } from './linear-map.ts';
import { declared, type Module } from './module.ts';

export interface AttentionOptions {
  /** Divides the width. */
  readonly heads: number;
  /** A position sees itself and those before it alone. */
  readonly causal?: boolean;
  /** Of the last map: `{ initial: zeros }` makes a residual branch start at 0. */
  readonly output?: LinearOptions;
}

/**
 * Multi-head self-attention (Vaswani et al. 2017, eq. 1 and section 3.2.2): [batch, length, width] to the same. Queries,
 * keys and values come from one map `name/qkv`, side by side in this order, each cut into heads; `name/output` mixes
 * the heads.
 */
export function attention(name: string, width: number, options: AttentionOptions): Module {
  const { heads, causal = false } = options;
  if (width % heads !== 0)
    throw new Error(`attention '${name}': ${heads} heads do not divide a width of ${width}`);
  const depth = width / heads;
  const qkv = dense(`${name}/qkv`, width, 3 * width);
  const output = dense(`${name}/output`, width, width, options.output);
  return {
    ...declared([qkv, output]),
    apply: (state, x, pass) => {
      const [batch, length] = x.shape as [number, number];
      const byHead = (part: tf.Tensor) =>
        tf.transpose(tf.reshape(part, [batch, length, heads, depth]), [0, 2, 1, 3]); // [batch, heads, length, depth]
      const [query, key, value] = tf.split(qkv.apply(state, x, pass), 3, 2).map(byHead) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ];
      const scores = tf.mul(tf.matMul(query, key, false, true), 1 / Math.sqrt(depth)); // [batch, heads, length, length]
      const seen = causal ? tf.add(scores, futureHidden(length)) : scores;
      const mixed = tf.matMul(tf.softmax(seen), value); // [batch, heads, length, depth]
      const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]);
      return output.apply(state, joined, pass);
    },
  };
}

/** [length, length]: 0 where a column is not after its row, else so low that its exponential is 0. */
function futureHidden(length: number): tf.Tensor {
  const position = tf.range(0, length, 1);
  const future = tf.greater(tf.expandDims(position, 0), tf.expandDims(position, 1));
  return tf.mul(tf.cast(future, 'float32'), -1e9);
}

/** A module of sequences over the positions of images, row by row: [batch, h, w, width] to the same. */
export function overPositions(module: Module): Module {
  return {
    ...module,
    apply: (state, x, pass) => {
      const [batch, height, width, channels] = x.shape as [number, number, number, number];
      const rows = tf.reshape(x, [batch, height * width, channels]);
      return tf.reshape(module.apply(state, rows, pass), x.shape);
    },
  };
}
