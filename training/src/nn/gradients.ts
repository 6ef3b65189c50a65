import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';

/**
 * The gradients of a scalar loss with respect to the named parameters, and the tensors that the loss function
 * returned besides.
 * @param loss given the parameters (and the rest of the state unchanged), returns `loss` and anything to report.
 */
export function lossAndGradients<Report extends NamedTensors>(
  state: NamedTensors,
  parameters: StateSpecs,
  loss: (state: NamedTensors) => Report & { loss: tf.Tensor },
): { report: Report & { loss: tf.Tensor }; gradients: NamedTensors } {
  const names = Object.keys(parameters);
  let report: (Report & { loss: tf.Tensor }) | undefined;
  const differentiate = tf.grads((...tensors: tf.Tensor[]) => {
    const current = { ...state, ...Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) };
    report = loss(current);
    // tf.grads disposes what its function made, except what is kept; copies for the caller's tidy are made below.
    for (const tensor of Object.values(report)) tf.keep(tensor);
    return report.loss.asScalar();
  });
  const gradients = differentiate(names.map((name) => state[name]!));
  const kept = Object.entries(report!).map(([name, tensor]) => {
    const copy = tf.clone(tensor);
    tensor.dispose();
    return [name, copy];
  });
  return {
    report: Object.fromEntries(kept) as Report & { loss: tf.Tensor },
    gradients: Object.fromEntries(names.map((name, i) => [name, gradients[i]!])),
  };
}
