import type { Graph, Value } from '../graph/ir.ts';
import { TraceError } from '../trace/errors.ts';
import type { DeclaredShape } from './proto.ts';

/** The name of the axis that a loop walks along. */
const axisName = 'steps';

/**
 * How the ports of a program that is a loop are declared so that it takes any number of steps, one or more. An ONNX
 * Scan has no length of its own: it walks as far as its sequences go, so the length that it was traced at stands in
 * the ports alone.
 * @throws TraceError unless the program is one scan over its inputs whose results are its outputs.
 */
export function openLoop(graph: Graph): (value: Value) => DeclaredShape {
  const [scan, ...others] = graph.nodes.filter(({ op }) => op !== 'constant');
  if (scan?.op !== 'scan' || others.length > 0) throw notALoop('it is not one scan alone');
  const { inputs, outputs, carries, sequences, length } = scan;
  const carried = new Set<Value>([...inputs.slice(0, carries), ...outputs.slice(0, carries)]);
  const shared = new Set(inputs.slice(carries + sequences));
  for (const { name, value } of graph.inputs) {
    if (shared.has(value)) throw notALoop(`its steps share the input '${name}'`);
    // An input that no step looks at counts as a sequence.
    if (!carried.has(value) && value.shape[0] !== length)
      throw notALoop(`input '${name}' is neither carried nor a sequence of ${length} steps`);
  }
  for (const { name, value } of graph.outputs) {
    if (!outputs.includes(value)) throw notALoop(`output '${name}' is no result of the scan`);
  }
  return (value) => (carried.has(value) ? value.shape : [axisName, ...value.shape.slice(1)]);
}

function notALoop(why: string): TraceError {
  return new TraceError(`the number of steps of this program cannot be left open: ${why}`);
}
