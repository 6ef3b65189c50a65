import { tf } from '../tf.ts';

/** What a kernel is called with; those of its inputs that may be left out are undefined. */
export type KernelInputs = Record<string, tf.Tensor | undefined>;

/** A kernel that is traced as a composition of simpler ones. */
export function composite<A extends object>(
  body: (inputs: KernelInputs, attrs: A) => tf.Tensor | tf.Tensor[],
): tf.KernelFunc {
  return ({ inputs, attrs }) => body(inputs as KernelInputs, attrs as unknown as A);
}

/** Calls a kernel with one output that no tfjs function calls in just this way. */
export function run(kernel: string, inputs: KernelInputs, attrs: object = {}): tf.Tensor {
  return tf.engine().runKernel(kernel, inputs as tf.NamedTensorMap, attrs as tf.NamedAttrMap) as tf.Tensor;
}
