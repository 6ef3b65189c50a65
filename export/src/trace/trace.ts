import type { Graph, Port } from '../graph/ir.ts';
import { simplify } from '../passes/simplify.ts';
import { tf } from '../tf.ts';
import { onTraceBackend, withRecorder } from './backend.ts';
import { TraceError } from './errors.ts';
import { sameGraph } from './merge.ts';
import { ForeignData, Recorder } from './recorder.ts';
import { requireInputs, requireTensors, type TensorFunction, type TraceInput } from './signature.ts';

export type { NamedTensors, TensorFunction, TraceInput } from './signature.ts';

/**
 * Runs a pure tfjs function on symbolic tensors and records every kernel that tfjs would have run, gradients
 * included. Tensors of the surroundings (weights) become constants and are left untouched. The function runs twice:
 * what the second run does otherwise depends on more than its inputs.
 * @returns the simplified graph, with inputs and outputs under the names given.
 * @throws TraceError naming the op and the place when the function reads values, draws random numbers, assigns
 *   variables, uses a kernel that has no rule, or does something else when it runs again.
 */
export function trace(fn: TensorFunction, inputs: Record<string, TraceInput>): Graph {
  const foreign = new ForeignData();
  return simplify(sameGraph(record(fn, inputs, foreign), record(fn, inputs, foreign)));
}

/**
 * Runs a function once and records it, one node per kernel call.
 * @param foreign values of the surroundings' tensors that other recordings have read
 */
export function record(fn: TensorFunction, inputs: Record<string, TraceInput>, foreign?: ForeignData): Graph {
  requireInputs(inputs);
  const recorder = new Recorder(null, foreign);
  return onTraceBackend(() =>
    withRecorder(recorder, () => {
      try {
        return recordInto(recorder, fn, inputs);
      } finally {
        recorder.release();
      }
    }),
  );
}

function recordInto(recorder: Recorder, fn: TensorFunction, inputs: Record<string, TraceInput>): Graph {
  const ports: Port[] = [];
  // The tidy disposes every symbolic tensor; what was recorded is in the recorder.
  tf.tidy(() => {
    const tensors = Object.fromEntries(
      Object.entries(inputs).map(([name, input]) => [name, recorder.input(name, input)]),
    );
    const returned: unknown = fn(tensors);
    try {
      for (const [name, output] of Object.entries(requireTensors(returned, () => 'the traced function'))) {
        ports.push({ name, value: recorder.resolve(output) });
      }
    } finally {
      // What made it wait for values says more than that it is async.
      recorder.throwRefused();
    }
  });
  if (ports.length === 0) {
    throw new TraceError(
      'the traced function returns no tensors: return an object with at least one, each under its name',
    );
  }
  return recorder.finish(ports);
}
