import type { Dim, Graph, KernelNode, Node, ScanNode, Value } from '../graph/ir.ts';
import { largestId } from './largest-id.ts';
import { deeply } from './rewrite.ts';

/** Nodes of an unrolled graph beyond which runtimes take minutes and gigabytes to load it. */
export const mostUnrolled = 200_000;

/**
 * The graph without loops: every scan, loops within loops included, is replaced by its body once for each step. It
 * computes the same by the same kernels in the same order, in runtimes that have no loops, too.
 * @throws RangeError when that makes more than `mostUnrolled` nodes.
 */
export function unrollScans(graph: Graph): Graph {
  const nodes = unrolledNodes(graph);
  if (nodes > mostUnrolled) {
    throw new RangeError(`unrolled it has ${nodes} nodes, and at most ${mostUnrolled} can be used`);
  }
  let next = 1 + largestId(graph);
  const fresh = ({ dtype }: Value, shape: readonly Dim[]): Value => ({ id: next++, dtype, shape });
  return deeply(graph, (level) => unrollLevel(level, fresh));
}

/** How many nodes the graph has once its loops are unrolled, those that cut and join sequences not counted. */
function unrolledNodes({ nodes }: Graph): number {
  return nodes.reduce(
    (sum, node) => sum + (node.op === 'scan' ? node.length * unrolledNodes(node.body) : 1),
    0,
  );
}

type Fresh = (like: Value, shape: readonly Dim[]) => Value;

/** Unrolls the scans of a graph whose scans' bodies have none. */
function unrollLevel(graph: Graph, fresh: Fresh): Graph {
  const replaced = new Map<Value, Value>();
  const current = (value: Value) => replaced.get(value) ?? value;
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const fed = { ...node, inputs: node.inputs.map(current) };
    if (fed.op !== 'scan') nodes.push(fed);
    else
      for (const [i, value] of unrollScan(fed, nodes, fresh).entries()) replaced.set(node.outputs[i]!, value);
  }
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: current(value) }));
  return { ...graph, nodes, outputs };
}

/** Appends the steps of a loop to `nodes`; returns what stands for its outputs. */
function unrollScan(node: ScanNode, nodes: Node[], fresh: Fresh): readonly Value[] {
  const { body, carries, sequences, length, reversed, where } = node;
  const kernel = <K extends 'Slice' | 'Reshape' | 'Pack'>(
    name: K,
    attrs: KernelNode<K>['attrs'],
    inputs: readonly Value[],
    output: Value,
  ) => {
    nodes.push({ op: 'kernel', kernel: name, attrs, inputs, outputs: [output], where } as Node);
    return output;
  };
  /** Step `at` of a sequence, without the axis of steps. */
  const sliceAt = (sequence: Value, at: number) => {
    const rest = sequence.shape.slice(1);
    const begin = [at, ...rest.map(() => 0)];
    const piece = kernel(
      'Slice',
      { begin, size: [1, ...rest] as number[] },
      [sequence],
      fresh(sequence, [1, ...rest]),
    );
    return kernel('Reshape', { shape: rest as number[] }, [piece], fresh(sequence, rest));
  };
  const constants = new Map<Value, Value>();
  let state = node.inputs.slice(0, carries);
  const walked = node.inputs.slice(carries, carries + sequences);
  const captured = node.inputs.slice(carries + sequences);
  const results: Value[][] = body.outputs.slice(carries).map(() => []);
  for (let step = 0; step < length; step++) {
    const at = reversed ? length - 1 - step : step;
    const given = [...state, ...walked.map((sequence) => sliceAt(sequence, at)), ...captured];
    const values = new Map(body.inputs.map(({ value }, i) => [value, given[i]!]));
    for (const inner of body.nodes) appendCopy(inner, values, constants, nodes, fresh);
    const returned = body.outputs.map(({ value }) => values.get(value)!);
    state = returned.slice(0, carries);
    for (const [i, each] of returned.slice(carries).entries()) results[i]![at] = each;
  }
  const stacked = results.map((parts, i) => {
    const output = node.outputs[carries + i]!;
    return kernel('Pack', { axis: 0 }, parts, fresh(output, output.shape));
  });
  return [...state, ...stacked];
}

/** Appends a node of a body for one step; what is constant is there once for all steps. */
function appendCopy(
  node: Node,
  values: Map<Value, Value>,
  constants: Map<Value, Value>,
  nodes: Node[],
  fresh: Fresh,
): void {
  const constant = node.op === 'constant' || node.op === 'splat';
  const known = constant ? constants.get(node.outputs[0]!) : undefined;
  if (known !== undefined) {
    values.set(node.outputs[0]!, known);
    return;
  }
  const outputs = node.outputs.map((output) => fresh(output, output.shape));
  nodes.push({ ...node, inputs: node.inputs.map((input) => values.get(input)!), outputs });
  for (const [i, output] of node.outputs.entries()) {
    values.set(output, outputs[i]!);
    if (constant) constants.set(output, outputs[i]!);
  }
}
