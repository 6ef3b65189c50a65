import { type NamedTensors, scan, tf } from '@generatrix/export';
import type { CarryShapes } from '../../../core/carries.ts';
import { attentionStep, cacheShape } from '../../../nn/attention.ts';
import { inference } from '../../../nn/module.ts';
import type { DrawRequest } from '../autoregressive-programs.ts';
import { drawPixel, latest, pixelSequences } from '../pixel-draw.ts';
import { leftKernel, rowFeatures } from '../pixel-window.ts';
import { centred } from '../pixelcnn/pixelcnn-network.ts';
import { blockParts, type TransformerNetwork, transformerHead } from './transformer-network.ts';

const cacheNames = (block: number) => [`keys/${block}`, `values/${block}`] as const;

/** What `transformerRows` carries from row to row, by name: shapes without the batch. */
export function transformerCarries(network: TransformerNetwork): CarryShapes {
  const { height, width, filters, heads, reach, distribution } = network;
  const cache = cacheShape(filters, height * width, { heads });
  const caches = Array.from({ length: network.blocks }, (_, block) =>
    cacheNames(block).map((name) => [name, cache] as const),
  );
  return {
    image: [reach.rows, width, distribution.channels],
    left: [reach.columns * distribution.channels],
    row: [], // its number
    ...Object.fromEntries(caches.flat()),
  };
}

/**
 * Draws the rows that follow those of the carries, as many as there is noise for, token by token, each block computed
 * once for each token: [batch, rows * w * channels], and the carries for the rows after them. The loop over rows
 * carries the keys and values of all tokens drawn (Shazeer 2019, section 2.4) and the rows that the first window still
 * reaches; what they say of a row is computed before the loop over its tokens.
 */
export function transformerRows(
  network: TransformerNetwork,
  state: NamedTensors,
  request: DrawRequest,
  start: NamedTensors,
): { x: tf.Tensor; carries: NamedTensors } {
  const { width, reach, distribution } = network;
  const noise = Object.values(request.noise)[0]!;
  const [batch, dimensions] = noise.shape as [number, number];
  const rows = dimensions / (width * distribution.channels);
  const featuresOf = rowFeatures(network, state, request.label);
  const byToken = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2]); // [batch, w, C] to [w, batch, C] and back
  const { carries, outputs } = scan({
    carries: start,
    sequences: pixelSequences([rows, width], network, request),
    body: ({ image, row, ...before }, slices) => {
      const above = byToken(featuresOf(image!, row));
      const drawn = drawRow(network, state, { ...slices, above }, { row: row!, before }, request.temperature);
      const tokens = byToken(drawn.tokens); // [batch, w, channels]
      const seen = latest(tf.concat([image!, tf.expandDims(centred(tokens), 1)], 1), reach.rows);
      return { carries: { image: seen, row: tf.add(row!, 1), ...drawn.after }, outputs: { tokens } };
    },
  });
  return { x: tf.reshape(tf.transpose(outputs.tokens!, [1, 0, 2, 3]), [batch, -1]), carries };
}

/**
 * Draws the tokens of one row, [w, batch, channels].
 * @param slices the row's noise, and what stands above it: `above` [w, batch, F]
 * @param row its number in each example [batch]
 * @param before the tokens that the first window reaches, and the caches of all rows above, by the names of the carries
 */
function drawRow(
  network: TransformerNetwork,
  state: NamedTensors,
  slices: NamedTensors,
  { row, before }: { readonly row: tf.Tensor; readonly before: NamedTensors },
  temperature: tf.Tensor,
): { tokens: tf.Tensor; after: NamedTensors } {
  const { height, width, reach, distribution } = network;
  const kernel = leftKernel(network, state);
  const numbers = tf.tensor1d(Float32Array.from({ length: height * width }, (_, i) => i));
  const blocks = Array.from({ length: network.blocks }, (_, block) => {
    const parts = blockParts(network, block);
    return { ...parts, attend: attentionStep(...parts.attention), names: cacheNames(block) };
  });
  const head = transformerHead(network);
  const first = tf.mul(row, width); // [batch]
  const size = reach.columns * distribution.channels;
  const { carries, outputs } = scan({
    carries: before,
    sequences: { ...slices, column: tf.tensor1d(Float32Array.from({ length: width }, (_, i) => i)) },
    body: ({ left, ...caches }, { column, above, ...own }) => {
      const number = tf.expandDims(tf.add(first, column!), 1);
      const here = tf.cast(tf.equal(number, numbers), 'float32'); // [batch, P]
      const next: NamedTensors = {};
      let features = tf.add(tf.matMul(left as tf.Tensor2D, kernel), above!); // [batch, F]
      for (const { norm, attend, mlp, names } of blocks) {
        const [keys, values] = names;
        const cache = { keys: caches[keys]!, values: caches[values]! };
        const mixed = attend(state, norm.apply(state, features, inference), cache, here);
        next[keys] = mixed.cache.keys;
        next[values] = mixed.cache.values;
        features = mlp.apply(state, tf.add(features, mixed.output), inference);
      }
      const token = drawPixel(network, head.apply(state, features, inference), own, temperature); // [batch, channels]
      next.left = latest(tf.concat([left!, centred(token)], 1), size);
      return { carries: next, outputs: { token } };
    },
  });
  return { tokens: outputs.token!, after: carries };
}
