import { tf } from '@generatrix/export';

/** Nonlinearities that a family's options may name. */
export const activations = {
  relu: (x: tf.Tensor): tf.Tensor => tf.relu(x),
  leakyRelu: (x: tf.Tensor): tf.Tensor => leakyRelu(x),
  elu: (x: tf.Tensor): tf.Tensor => tf.elu(x),
  silu: (x: tf.Tensor): tf.Tensor => silu(x),
  gelu: (x: tf.Tensor): tf.Tensor => gelu(x),
  sigmoid: (x: tf.Tensor): tf.Tensor => tf.sigmoid(x),
  tanh: (x: tf.Tensor): tf.Tensor => tf.tanh(x),
  linear: (x: tf.Tensor): tf.Tensor => x,
} as const;
export type Activation = keyof typeof activations;
export const activationNames = [
  ...(['relu', 'leakyRelu', 'elu', 'silu', 'gelu', 'sigmoid', 'tanh', 'linear'] as const),
] as const satisfies readonly Activation[];

/** max(x, slope x) for a slope below 1 (Maas et al. 2013; Radford et al. 2016 use 0.2). */
export function leakyRelu(x: tf.Tensor, slope = 0.2): tf.Tensor {
  // tfjs's own gradient selects by a comparison that it cannot differentiate again, which a gradient penalty needs: a
  // product with a step it can.
  const sloped = tf.customGrad((...args: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [x, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([x]);
    return {
      value: tf.leakyRelu(x, slope),
      gradFunc: (dy: tf.Tensor, [x]: tf.Tensor[]) => tf.mul(dy, tf.step(x!, slope)),
    };
  });
  return sloped(x);
}

/** x sigmoid(x), also called swish (Elfwing et al. 2018; Ramachandran et al. 2017). */
export function silu(x: tf.Tensor): tf.Tensor {
  return tf.mul(x, tf.sigmoid(x));
}

/** x times the probability that a standard normal number is below x (Hendrycks and Gimpel 2016), exactly. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(0.5, x), tf.add(1, tf.erf(tf.mul(Math.SQRT1_2, x))));
}
