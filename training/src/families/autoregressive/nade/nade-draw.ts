import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type DrawRequest, keep } from '../autoregressive-programs.ts';
import { bernoulliEmission } from '../emission.ts';
import { type NadePass, nadeNames, startActivation } from './nade-pass.ts';

/**
 * Draws examples dimension by dimension, carrying the running sum of the hidden activations, so that each dimension
 * costs O(H): [batch, D] of 0 and 1.
 */
export function nadeDraw(pass: NadePass, state: NamedTensors, request: DrawRequest): tf.Tensor {
  const { dimensions, hidden } = pass;
  const { noise, temperature, given } = request;
  const uniform = tf.transpose(noise.uniform!); // [D, batch]
  const sequences: NamedTensors = {
    w: tf.reshape(state[nadeNames.inputKernel]!, [dimensions, 1, hidden]),
    v: tf.reshape(state[nadeNames.outputKernel]!, [dimensions, hidden, 1]),
    b: tf.reshape(state[nadeNames.outputBias]!, [dimensions, 1]),
    uniform,
  };
  if (given !== undefined) {
    sequences.values = tf.transpose(given.values);
    sequences.known = tf.reshape(given.known, [dimensions, 1]);
  }
  const { outputs } = scan({
    carries: { a: startActivation(pass, state, uniform.shape[1]!) },
    sequences,
    body: ({ a }, { w, v, b, uniform, values, known }) => {
      const h = tf.sigmoid(a!);
      const logits = tf.add(tf.matMul(h as tf.Tensor2D, v as tf.Tensor2D), b!); // [batch, 1]
      const drawn = bernoulliEmission.draw(logits, { uniform: uniform! }, temperature);
      const x = values === undefined ? drawn : keep(drawn, values, known!); // [batch]
      return { carries: { a: tf.add(a!, tf.mul(tf.expandDims(x, 1), w!)) }, outputs: { x } };
    },
  });
  return tf.transpose(outputs.x!);
}
