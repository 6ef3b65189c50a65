import type { Graph, Node, Value } from '../graph/ir.ts';

/**
 * Rebuilds a graph node by node. `visit` sees each node with its inputs already replaced and returns the nodes to
 * put in its place, after telling by `replace` which of the old outputs stand for which value from now on.
 */
export function rewrite(
  graph: Graph,
  visit: (node: Node, replace: (old: Value, by: Value) => void) => readonly Node[],
): Graph {
  const replaced = new Map<Value, Value>();
  const current = (value: Value) => replaced.get(value) ?? value;
  const replace = (old: Value, by: Value) => replaced.set(old, by);
  const nodes: Node[] = [];
  for (const node of graph.nodes) nodes.push(...visit(withInputs(node, node.inputs.map(current)), replace));
  const outputs = graph.outputs.map(({ name, value }) => ({ name, value: current(value) }));
  return { inputs: graph.inputs, outputs, nodes };
}

function withInputs(node: Node, inputs: readonly Value[]): Node {
  const unchanged = inputs.every((input, i) => input === node.inputs[i]);
  return unchanged ? node : { ...node, inputs };
}

/** The same graph with `pass` applied to every scan body, innermost first, and then to the graph itself. */
export function deeply(graph: Graph, pass: (graph: Graph) => Graph): Graph {
  const nodes = graph.nodes.map((node) =>
    node.op === 'scan' ? { ...node, body: deeply(node.body, pass) } : node,
  );
  return pass({ ...graph, nodes });
}
