import { tf } from './tf.ts';
import { TraceError } from './trace/errors.ts';

/** A variable of a tfjs optimizer: a running mean of gradients, a power of a decay. */
export interface Slot {
  readonly name: string;
  readonly variable: tf.Variable;
  /** Puts another variable in its place. */
  replace(variable: tf.Variable): void;
}

/**
 * The variables of an optimizer: its own, and for each weight one in each of its lists, in the weights' order.
 * @param weights names of the weights that it updates
 */
export function slotsOf(optimizer: tf.Optimizer, weights: readonly string[]): Slot[] {
  const fields = optimizer as unknown as Record<string, unknown>;
  return Object.entries(fields).flatMap(([field, value]): Slot[] => {
    if (value instanceof tf.Variable) {
      return [
        { name: field, variable: value, replace: (other) => Object.assign(fields, { [field]: other }) },
      ];
    }
    if (!Array.isArray(value)) return [];
    return value.filter(holdsVariable).map((entry, i) => ({
      name: `${field}/${weights[i]}`,
      variable: entry.variable,
      replace: (other) => Object.assign(entry, { variable: other }),
    }));
  });
}

function holdsVariable(entry: unknown): entry is { variable: tf.Variable } {
  return (
    entry !== null &&
    typeof entry === 'object' &&
    'variable' in entry &&
    entry.variable instanceof tf.Variable
  );
}

/**
 * An optimizer of the same settings, with the variables that the first step makes, as they are before it. The caller
 * disposes it.
 * @param weights that it will update
 */
export function freshOptimizer(optimizer: tf.Optimizer, weights: readonly tf.Variable[]): tf.Optimizer {
  const kind = optimizer.constructor as unknown as {
    fromConfig?: (cls: unknown, config: tf.serialization.ConfigDict) => tf.Optimizer;
  };
  const config = optimizer.getConfig() as tf.serialization.ConfigDict | null;
  if (kind.fromConfig === undefined || config === null) {
    throw new TraceError('the optimizer has no getConfig and fromConfig by which it could be copied');
  }
  const copy = kind.fromConfig(kind, config);
  // Variables are made when gradients are applied first; here nothing is to change by that.
  const { assign } = tf.Variable.prototype;
  tf.Variable.prototype.assign = () => {};
  try {
    tf.tidy(() => copy.applyGradients(weights.map((w) => ({ name: w.name, tensor: tf.zerosLike(w) }))));
  } finally {
    tf.Variable.prototype.assign = assign;
  }
  return copy;
}
