import { type Graph, isSymbolic, type Node, type Value } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { largestId } from './largest-id.ts';
import { deeply } from './rewrite.ts';

/** Smaller tensors gain less than the additional operations cost. */
const smallest = 4096;

/**
 * The graph with large softplus as operations that onnxruntime has fast code for on processors, where its own takes
 * twice as long as all of them:
 *
 *   softplus(x) = max(x, 0) + log1p(e),   e = exp(-|x|),   log1p(e) = log(u) + (e - (u - 1)) / u,   u = 1 + e
 *
 * The second term of log1p gives back what rounding u takes away, so that small values keep all their digits.
 */
export function softplusInParts(graph: Graph): Graph {
  let next = 1 + largestId(graph);
  return deeply(graph, (level) => ({
    ...level,
    nodes: level.nodes.flatMap((node): readonly Node[] => {
      if (node.op !== 'kernel' || node.kernel !== 'Softplus' || !isLarge(node.outputs[0]!)) return [node];
      const [x, output] = [node.inputs[0]!, node.outputs[0]!];
      const nodes: Node[] = [];
      const op = (
        kernel: KernelName,
        inputs: readonly Value[],
        result: Value = { ...output, id: next++ },
      ) => {
        nodes.push({ op: 'kernel', kernel, attrs: {}, inputs, outputs: [result], where: node.where } as Node);
        return result;
      };
      const one: Value = { id: next++, dtype: 'float32', shape: [] };
      nodes.push({ op: 'splat', value: 1, inputs: [], outputs: [one], where: node.where });
      const e = op('Exp', [op('Neg', [op('Abs', [x])])]);
      const u = op('Add', [e, one]);
      const lost = op('RealDiv', [op('Sub', [e, op('Sub', [u, one])]), u]);
      op('Add', [op('Add', [op('Log', [u]), lost]), op('Relu', [x])], output);
      return nodes;
    }),
  }));
}

function isLarge({ shape, dtype }: Value): boolean {
  if (dtype !== 'float32' || shape.some(isSymbolic)) return false;
  return (shape as number[]).reduce((product, length) => product * length, 1) >= smallest;
}
