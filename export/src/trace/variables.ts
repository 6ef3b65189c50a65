import { tf } from '../tf.ts';

const made = new WeakSet<tf.Variable>();

/**
 * A variable that holds a symbolic tensor: code that assigns to it can be traced.
 * @param name under which tfjs's optimizers find it, until it is disposed; no other variable may have it
 */
export function traceVariable(value: tf.Tensor, trainable: boolean, name: string): tf.Variable {
  const variable = tf.variable(value, trainable, name);
  made.add(variable);
  return variable;
}

/** Whether a variable is one of a trace, not of the caller's model. */
export function isTraceVariable(variable: tf.Variable): boolean {
  return made.has(variable);
}
