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
  const found: Record<keyof Loss, NamedTensors> = { loss: {}, metrics: {}, statistics: {} };
  const differentiate = tf.grads((...tensors: tf.Tensor[]) => {
    const result = loss({ ...state, ...Object.fromEntries(names.map((name, i) => [name, tensors[i]!])) });
    if (!((result as Partial<Loss> | undefined)?.loss instanceof tf.Tensor)) {
      const got = (result as unknown) instanceof Promise ? 'a promise: it may not be async' : 'none';
      throw new TypeError(`a loss function returns { loss }, a scalar tensor; got ${got}`);
    }
    // tf.grads disposes what its function made, except what is kept; copies, since what is reported may be an argument.
    found.loss = kept({ loss: result.loss });
    found.metrics = kept(result.metrics ?? {});
    found.statistics = kept(result.statistics ?? {});
    return result.loss.asScalar();
  });
  const gradients = differentiate(names.map((name) => state[name]!));
  return {
    metrics: { loss: released(found.loss).loss!, ...released(found.metrics) },
    statistics: released(found.statistics),
    gradients: Object.fromEntries(names.map((name, i) => [name, gradients[i]!])),
  };
}

function kept(tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, tf.keep(tf.clone(tensor))]),
  );
}

/** The same tensors, as the caller's tidy has them. */
function released(tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => {
      const copy = tf.clone(tensor);
      tensor.dispose();
      return [name, copy];
    }),
  );
}
