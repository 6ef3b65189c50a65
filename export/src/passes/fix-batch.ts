import type { Graph, Node, Shape, SymbolicDim, Value } from '../graph/ir.ts';
import { atBatch } from '../onnx/symbolic-dim.ts';

/**
 * The graph of a program of any batch size for one size alone: no dimension and no attribute depends on the batch any
 * more, so that nothing of it is left to be computed from shapes at run time.
 */
export function fixBatch(graph: Graph, batch: number): Graph {
  const values = new Map<Value, Value>();
  const fixed = (value: Value): Value => {
    let known = values.get(value);
    if (known === undefined) {
      known = { ...value, shape: atBatch(value.shape, batch) };
      values.set(value, known);
    }
    return known;
  };
  const fixGraph = ({ inputs, outputs, nodes }: Graph): Graph => ({
    inputs: inputs.map(({ name, value }) => ({ name, value: fixed(value) })),
    outputs: outputs.map(({ name, value }) => ({ name, value: fixed(value) })),
    nodes: nodes.map((node) => {
      const ports = { inputs: node.inputs.map(fixed), outputs: node.outputs.map(fixed) };
      if (node.op === 'scan') return { ...node, ...ports, body: fixGraph(node.body) };
      if (node.op !== 'kernel') return { ...node, ...ports };
      return { ...node, ...ports, attrs: fixSizes(node.attrs, batch) } as Node;
    }),
  });
  return fixGraph(graph);
}

/** Attributes with every size that depends on the batch as the number that it is. */
function fixSizes(value: unknown, batch: number): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => fixSizes(entry, batch));
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (isSize(value)) return atBatch([value] as Shape, batch)[0];
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fixSizes(entry, batch)]));
}

function isSize(value: object): value is SymbolicDim {
  return Object.keys(value).sort().join() === 'offset,scale';
}
