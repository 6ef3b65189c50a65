import type { Graph, Node } from '../graph/ir.ts';

const strictOf = { GreaterEqual: 'Greater', LessEqual: 'Less' } as const;

/**
 * The graph with `a >= b` as `a > b or a = b`, and `a <= b` likewise, NaN included: ONNX has had the longer operators in
 * their present version only since opset 16, and some runtimes lack it.
 */
export function plainComparisons(graph: Graph): Graph {
  let next = 1 + Math.max(0, ...graph.nodes.flatMap(({ outputs }) => outputs.map(({ id }) => id)));
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    if (node.op !== 'kernel' || (node.kernel !== 'GreaterEqual' && node.kernel !== 'LessEqual'))
      return [node];
    const [output] = node.outputs;
    const [strict, equal] = [
      { ...output!, id: next++ },
      { ...output!, id: next++ },
    ];
    return [
      { ...node, kernel: strictOf[node.kernel], outputs: [strict] },
      { ...node, kernel: 'Equal', outputs: [equal] },
      { ...node, kernel: 'LogicalOr', inputs: [strict, equal] },
    ];
  });
  return { ...graph, nodes };
}
