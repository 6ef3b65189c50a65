import { tf } from '../tf.ts';
import { at, TraceError, userLocation } from './errors.ts';
import { isTraceVariable } from './variables.ts';

/** Errors whose message names a layer already: that of the innermost layer is the one to know. */
const named = new WeakSet<Error>();

/** Puts the other members in the places of an object's own while `body` runs, and these back afterwards. */
function replacing<O extends object, T>(object: O, members: Partial<O>, body: () => T): T {
  const before = Object.keys(members).map(
    (name) => [name, Object.getOwnPropertyDescriptor(object, name)] as const,
  );
  Object.assign(object, members);
  try {
    return body();
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) delete (object as Record<string, unknown>)[name];
      else Object.defineProperty(object, name, descriptor);
    }
  }
}

const { assign } = tf.Variable.prototype;

function refuseAssignment(this: tf.Variable, value: tf.Tensor): void {
  if (isTraceVariable(this)) {
    assign.call(this, value);
    return;
  }
  throw new TraceError(
    `variable ${this.name} is assigned${at(userLocation())} inside a traced function: return the new value instead`,
  );
}

function refuseBackend(name: string): never {
  throw new TraceError(
    `the function sets the backend '${name}'${at(userLocation())} while it is traced: set it outside, before ` +
      'or after; a trace runs on a backend of its own',
  );
}

/**
 * Runs `body` with what would spoil a trace refused: assigning to a variable, which would change the caller's model,
 * and changing the backend. What goes wrong inside a layer of a LayersModel is told with the layer's name.
 */
export function guarded<T>(body: () => T): T {
  const { prototype } = tf.layers.Layer;
  const { apply } = prototype;
  const applyNamed: typeof apply = function applyNamed(this: tf.layers.Layer, ...given) {
    try {
      return apply.apply(this, given);
    } catch (error) {
      throw withLayer(error, this);
    }
  };
  return replacing(tf.Variable.prototype, { assign: refuseAssignment }, () =>
    replacing(tf.engine(), { setBackend: refuseBackend }, () =>
      replacing(prototype, { apply: applyNamed }, body),
    ),
  );
}

function withLayer(error: unknown, layer: tf.layers.Layer): unknown {
  if (!(error instanceof TraceError) || named.has(error)) return error;
  const told = new TraceError(`layer '${layer.name}' (${layer.getClassName()}): ${error.message}`, {
    cause: error,
  });
  named.add(told);
  return told;
}
