import type { Graph, Node, Value } from '../graph/ir.ts';

/** Removes nodes whose results nobody uses, and what a scan captures in vain. Inputs and outputs stay. */
export function removeDeadNodes(graph: Graph): Graph {
  const used = new Set<Value>(graph.outputs.map(({ value }) => value));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => used.has(output))) continue;
    const lean = withoutUnusedCaptures(node);
    for (const input of lean.inputs) used.add(input);
    kept.push(lean);
  }
  return { ...graph, nodes: kept.toReversed() };
}

function withoutUnusedCaptures(node: Node): Node {
  if (node.op !== 'scan') return node;
  const used = new Set<Value>(node.body.outputs.map(({ value }) => value));
  for (const inner of node.body.nodes) for (const input of inner.inputs) used.add(input);
  const fixed = node.carries + node.sequences;
  const keep = node.body.inputs.map(({ value }, i) => i < fixed || used.has(value));
  if (keep.every(Boolean)) return node;
  return {
    ...node,
    inputs: node.inputs.filter((_, i) => keep[i]),
    body: { ...node.body, inputs: node.body.inputs.filter((_, i) => keep[i]) },
  };
}
