import type { Graph, Value } from '../graph/ir.ts';
import { sameShape } from './no-ops.ts';
import { rewrite } from './rewrite.ts';

/** Removes exact identities, which gradients are full of: x * 1 and x / 1, where the 1 does not broaden x. */
export function removeIdentities(graph: Graph): Graph {
  const ones = new Set<Value>();
  return rewrite(graph, (node, replace) => {
    const [output] = node.outputs as [Value];
    if (node.op === 'splat' && node.value === 1) ones.add(output);
    if (node.op === 'constant' && node.data.length === 1 && node.data[0] === 1) ones.add(output);
    if (node.op !== 'kernel' || (node.kernel !== 'Multiply' && node.kernel !== 'RealDiv')) return [node];
    const [a, b] = node.inputs as [Value, Value];
    const unchanged = (x: Value) => sameShape(x.shape, output.shape) && x.dtype === output.dtype;
    if (ones.has(b) && unchanged(a)) replace(output, a);
    else if (node.kernel === 'Multiply' && ones.has(a) && unchanged(b)) replace(output, b);
    else return [node];
    return [];
  });
}
