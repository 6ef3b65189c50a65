import type { Graph, Node, ScanNode, Value } from '../graph/ir.ts';

/**
 * Removes nodes whose results nobody uses, and of loops the carries, results, sequences and captures that nothing
 * depends on. Inputs and outputs of the graph stay.
 */
export function removeDeadNodes(graph: Graph): Graph {
  const used = new Set<Value>(graph.outputs.map(({ value }) => value));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    const lean = node.op === 'scan' ? leanScan(node, used) : node;
    for (const input of lean.inputs) used.add(input);
    kept.push(lean);
  }
  return { ...graph, nodes: kept.toReversed() };
}

/** The loop without what only feeds results that nobody uses. */
function leanScan(node: ScanNode, used: ReadonlySet<Value>): ScanNode {
  const { carries, sequences, body } = node;
  const wanted = node.outputs.map((output) => used.has(output));
  let lean = withOutputs(body, wanted);
  let needed = usedValues(lean);
  // A carry that a wanted result depends on is wanted itself, and what it depends on with it.
  const missing = () => wanted.findIndex((is, i) => i < carries && !is && needed.has(body.inputs[i]!.value));
  for (let i = missing(); i >= 0; i = missing()) {
    wanted[i] = true;
    lean = withOutputs(body, wanted);
    needed = usedValues(lean);
  }
  // A loop walks at least one sequence: it takes its length from there.
  const walks = body.inputs.slice(carries, carries + sequences).some(({ value }) => needed.has(value));
  const keep = body.inputs.map(({ value }, i) => {
    if (i < carries) return wanted[i]!;
    return needed.has(value) || (!walks && i === carries);
  });
  return {
    ...node,
    inputs: node.inputs.filter((_, i) => keep[i]),
    outputs: node.outputs.filter((_, i) => wanted[i]),
    carries: keep.slice(0, carries).filter(Boolean).length,
    sequences: keep.slice(carries, carries + sequences).filter(Boolean).length,
    body: { ...lean, inputs: body.inputs.filter((_, i) => keep[i]) },
  };
}

function withOutputs(body: Graph, wanted: readonly boolean[]): Graph {
  return removeDeadNodes({ ...body, outputs: body.outputs.filter((_, i) => wanted[i]) });
}

function usedValues(graph: Graph): Set<Value> {
  const used = new Set<Value>(graph.outputs.map(({ value }) => value));
  for (const node of graph.nodes) for (const input of node.inputs) used.add(input);
  return used;
}
