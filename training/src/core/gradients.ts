import { type NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../model/state.ts';

/** What a loss function returns. */
export interface Loss {
  /** Scalar: what is differentiated, and reported as `loss`. */
  readonly loss: tf.Tensor;
  /** Scalars to report besides. */
  readonly metrics?: NamedTensors;
  /** New values of statistics that the pass measured, such as running moments. */
  readonly statistics?: NamedTensors;
}

/** A loss and its gradients. */
export interface LossGradients {
  /** `loss` and what was reported with it. */
  readonly metrics: NamedTensors & { readonly loss: tf.Tensor };
  readonly statistics: NamedTensors;
  /** By the parameters' names. */
  readonly gradients: NamedTensors;
}

/** The gradients of a scalar loss with respect to the named parameters. */
export function lossAndGradients(
  state: NamedTensors,
  parameters: StateSpecs,
  loss: (state: NamedTensors) => Loss,
): LossGradients {
  const names = Object.keys(parameters);
  let found: Loss | undefined;
  const differentiate = tf.grads((...tensors: tf.Tensor[]) => {
    found = loss({ ...state, ...Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) });
    // tf.grads disposes what its function made, except what is kept; copies for the caller's tidy are made below.
    for (const tensor of tensorsOf(found)) tf.keep(tensor);
    return found.loss.asScalar();
  });
  const gradients = differentiate(names.map((name) => state[name]!));
  const { loss: value, metrics = {}, statistics = {} } = found!;
  const copies = new Map(tensorsOf(found!).map((tensor) => [tensor, tf.clone(tensor)]));
  for (const tensor of copies.keys()) tensor.dispose();
  const copied = (tensors: NamedTensors): NamedTensors =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, copies.get(tensor)!]));
  return {
    metrics: { loss: copies.get(value)!, ...copied(metrics) },
    statistics: copied(statistics),
    gradients: Object.fromEntries(names.map((name, i) => [name, gradients[i]!])),
  };
}

function tensorsOf({ loss, metrics = {}, statistics = {} }: Loss): tf.Tensor[] {
  return [...new Set([loss, ...Object.values(metrics), ...Object.values(statistics)])];
}
