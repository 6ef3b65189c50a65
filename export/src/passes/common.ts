import type { Graph, Node, Value } from '../graph/ir.ts';
import { rewrite } from './rewrite.ts';

/** Constants longer than this are told apart by identity of storage only: comparing them costs more than it saves. */
const comparedConstant = 64;

/** Computes once what is computed twice: kernels, small constants and splats of equal inputs and attributes. */
export function shareCommonNodes(graph: Graph): Graph {
  const seen = new Map<string, Node>();
  const ids = new Map<Value, number>();
  const id = (value: Value) => {
    if (!ids.has(value)) ids.set(value, ids.size);
    return ids.get(value)!;
  };
  return rewrite(graph, (node, replace) => {
    const key = nodeKey(node, id);
    if (key === null) return [node];
    const twin = seen.get(key);
    if (twin === undefined) {
      seen.set(key, node);
      return [node];
    }
    for (const [i, output] of node.outputs.entries()) replace(output, twin.outputs[i]!);
    return [];
  });
}

function nodeKey(node: Node, id: (value: Value) => number): string | null {
  const output = node.outputs[0]!;
  switch (node.op) {
    case 'scan':
      return null;
    case 'constant':
      if (node.data.length > comparedConstant) return null;
      return `constant ${output.dtype} ${JSON.stringify(output.shape)} ${[...node.data].map(exact).join(' ')}`;
    case 'splat':
      return `splat ${output.dtype} ${JSON.stringify(output.shape)} ${exact(node.value)}`;
    case 'kernel':
      return `${node.kernel} ${node.inputs.map(id).join(' ')} ${JSON.stringify(node.attrs, exactly)}`;
  }
}

function exactly(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? exact(value) : value;
}

/** Tells -0 from 0, and NaN and infinities from null, as JSON would not. */
function exact(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
