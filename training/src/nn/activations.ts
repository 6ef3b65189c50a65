import { tf } from '@generatrix/export';

/** Nonlinearities that a family's options may name. */
export const activations = {
  relu: (x: tf.Tensor): tf.Tensor => tf.relu(x),
  sigmoid: (x: tf.Tensor): tf.Tensor => tf.sigmoid(x),
  tanh: (x: tf.Tensor): tf.Tensor => tf.tanh(x),
  linear: (x: tf.Tensor): tf.Tensor => x,
} as const;
export type Activation = keyof typeof activations;
export const activationNames = ['relu', 'sigmoid', 'tanh', 'linear'] as const satisfies readonly Activation[];
