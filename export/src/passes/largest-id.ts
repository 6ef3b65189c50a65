import type { Graph } from '../graph/ir.ts';

/** The largest id of a value of the graph, those inside its loops included: new ones start behind it. */
export function largestId({ inputs, nodes }: Graph): number {
  let largest = 0;
  for (const { value } of inputs) largest = Math.max(largest, value.id);
  for (const node of nodes) {
    for (const { id } of node.outputs) largest = Math.max(largest, id);
    if (node.op === 'scan') largest = Math.max(largest, largestId(node.body));
  }
  return largest;
}
