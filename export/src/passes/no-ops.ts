import type { Graph, Node, Shape, Value } from '../graph/ir.ts';
import { rewrite } from './rewrite.ts';

/** Removes nodes that only copy: Identity, casts to the same type, reshapes to the same shape, and the like. */
export function removeNoOps(graph: Graph): Graph {
  return rewrite(graph, (node, replace) => {
    const source = copiedInput(node);
    if (source === null) return [node];
    replace(node.outputs[0]!, source);
    return [];
  });
}

function copiedInput(node: Node): Value | null {
  if (node.op !== 'kernel') return null;
  const [input] = node.inputs as [Value];
  const [output] = node.outputs as [Value];
  switch (node.kernel) {
    case 'Identity':
      return input;
    case 'Cast':
      return input.dtype === output.dtype ? input : null;
    case 'Reshape':
    case 'BroadcastTo':
    case 'Tile':
    case 'Slice':
      return sameShape(input.shape, output.shape) ? input : null;
    case 'AddN':
    case 'Concat':
      return node.inputs.length === 1 ? input : null;
    case 'Transpose':
      return node.attrs.perm.every((axis, i) => axis === i) ? input : null;
    default:
      return null;
  }
}

/** Equal dimension by dimension; symbolic dimensions are equal when they depend on the batch alike. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => JSON.stringify(dim) === JSON.stringify(b[i]));
}
