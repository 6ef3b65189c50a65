import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';

/**
 * Parameters of a fully connected layer: `name/kernel` [inputs, outputs] with Glorot-uniform values (Glorot and
 * Bengio 2010, eq. 16) and `name/bias` [outputs] of zeros.
 */
export function denseSpecs(name: string, inputs: number, outputs: number): StateSpecs {
  const scale = Math.sqrt(6 / (inputs + outputs));
  return {
    [`${name}/kernel`]: { shape: [inputs, outputs], initial: { distribution: 'uniform', scale } },
    [`${name}/bias`]: { shape: [outputs], initial: 0 },
  };
}

/** x @ kernel + bias: [batch, inputs] to [batch, outputs]. */
export function dense(state: NamedTensors, name: string, x: tf.Tensor): tf.Tensor2D {
  return tf.add(tf.matMul(x as tf.Tensor2D, state[`${name}/kernel`] as tf.Tensor2D), state[`${name}/bias`]!);
}

/** Parameters of `mlp`: layers `name/0`, `name/1`, ... from `inputs` through the hidden widths. */
export function mlpSpecs(name: string, inputs: number, hidden: readonly number[]): StateSpecs {
  const widths = [inputs, ...hidden];
  const layers = hidden.map((width, i) => denseSpecs(`${name}/${i}`, widths[i]!, width));
  return Object.assign({}, ...layers) as StateSpecs;
}

/** Hidden layers with ReLU after each: [batch, inputs] to [batch, last width]. */
export function mlp(state: NamedTensors, name: string, x: tf.Tensor, hidden: readonly number[]): tf.Tensor {
  return hidden.reduce<tf.Tensor>((h, _, i) => tf.relu(dense(state, `${name}/${i}`, h)), x);
}
