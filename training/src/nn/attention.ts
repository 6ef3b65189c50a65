import { type NamedTensors, tf } from '@generatrix/export';
import { dense } from './dense.ts';
import type { LinearOptions } from './linear-map.ts';
import { declared, inference, type Module } from './module.ts';

export interface AttentionOptions {
  /** Divides the width. */
  readonly heads: number;
  /** A position sees itself and those before it alone. */
  readonly causal?: boolean;
  /** Whether queries, keys and values have biases; that of the keys changes no weight. True when absent. */
  readonly bias?: boolean;
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
  const { qkv, output, depth } = maps(name, width, options);
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
      const mixed = attend(query, key, value, causal ? futureHidden(length) : null);
      const joined = tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [batch, length, width]);
      return output.apply(state, joined, pass);
    },
  };
}

/** Keys and values of the positions gone through so far, [batch, heads, length, depth] each, zeros where none was yet. */
export interface AttentionCache {
  readonly keys: tf.Tensor;
  readonly values: tf.Tensor;
}

/** Shape of a cache's keys and of its values, without the batch. */
export function cacheShape(width: number, length: number, { heads }: AttentionOptions): readonly number[] {
  return [heads, length, width / heads];
}

/**
 * One position of causal `attention`, the earlier ones in the cache: what `attention` of the whole sequence gives there.
 * @param x the position's input, [batch, width]
 * @param here [batch, length]: 1 at the position, else 0
 */
export function attentionStep(
  name: string,
  width: number,
  options: AttentionOptions,
): (
  state: NamedTensors,
  x: tf.Tensor,
  cache: AttentionCache,
  here: tf.Tensor,
) => { output: tf.Tensor; cache: AttentionCache } {
  const { heads } = options;
  const { qkv, output, depth } = maps(name, width, options);
  return (state, x, cache, here) => {
    const byHead = (part: tf.Tensor) => tf.reshape(part, [-1, heads, 1, depth]);
    const [query, key, value] = tf.split(qkv.apply(state, x, inference), 3, 1).map(byHead) as [
      tf.Tensor,
      tf.Tensor,
      tf.Tensor,
    ];
    const length = here.shape[1]!;
    const place = tf.reshape(here, [-1, 1, length, 1]);
    const keys = tf.add(cache.keys, tf.mul(place, key)); // [batch, heads, length, depth]
    const values = tf.add(cache.values, tf.mul(place, value));
    const later = tf.reshape(tf.mul(tf.cumsum(here, 1, true), hidden), [-1, 1, 1, length]);
    const mixed = attend(query, keys, values, later); // [batch, heads, 1, depth]
    return {
      output: output.apply(state, tf.reshape(mixed, [-1, width]), inference),
      cache: { keys, values },
    };
  };
}

/** What is added to scores that must not count: their exponential is 0. */
const hidden = -1e9;

/** softmax(q k' / sqrt(d)) v, with what is added to the scores: [batch, heads, queries, depth]. */
function attend(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, bias: tf.Tensor | null): tf.Tensor {
  const scale = 1 / Math.sqrt(query.shape.at(-1)!);
  const scores = tf.matMul(tf.mul(query, scale), key, false, true); // [batch, heads, queries, keys]
  return tf.matMul(tf.softmax(bias === null ? scores : tf.add(scores, bias)), value);
}

/** The maps of an attention layer, and the depth of a head. */
function maps(name: string, width: number, { heads, bias = true, output }: AttentionOptions) {
  if (width % heads !== 0)
    throw new Error(`attention '${name}': ${heads} heads do not divide a width of ${width}`);
  return {
    qkv: dense(`${name}/qkv`, width, 3 * width, { bias }),
    output: dense(`${name}/output`, width, width, output),
    depth: width / heads,
  };
}

/** [length, length]: 0 where a column is not after its row, else so low that its exponential is 0. */
function futureHidden(length: number): tf.Tensor {
  const position = tf.range(0, length, 1);
  const future = tf.greater(tf.expandDims(position, 0), tf.expandDims(position, 1));
  return tf.mul(tf.cast(future, 'float32'), hidden);
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
