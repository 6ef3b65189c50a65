import { type HostTensor, runAtOnce, sizeOf } from '@generatrix/runtime';
import { type ConstantNode, type Graph, isSymbolic, type Node, type Place, type Value } from '../graph/ir.ts';
import { writeOnnx } from '../onnx/write.ts';

/** Larger results are left to the runtime: folding a broadcast into a file would only make it big. */
const largestFolded = 1 << 16;

type Results = Map<Value, HostTensor>;

/**
 * Evaluates what depends on constants alone, and turns constants that hold one value throughout into splats.
 *
 * It is evaluated by onnxruntime on the CPU, as written for it: the arithmetic that the program itself runs in, so that
 * it makes no difference to a value whether it is computed now or in every run. What onnxruntime cannot compute is
 * left in the graph.
 */
export function foldConstants(graph: Graph): Graph {
  const results = evaluate(foldableNodes(graph.nodes));
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    if (node.op === 'constant') return [splatOf(node)];
    if (node.op !== 'kernel' || !node.outputs.every((output) => results.has(output))) return [node];
    return node.outputs.map((output) => splatOf(constant(output, results.get(output)!, node.where)));
  });
  return { ...graph, nodes };
}

/** Kernels that depend on constants alone, and those constants, in the order of the graph. */
function foldableNodes(nodes: readonly Node[]): readonly Node[] {
  const known = new Set<Value>();
  const foldable = nodes.filter((node) => {
    const small = ({ shape }: Value) =>
      !shape.some(isSymbolic) && sizeOf(shape as readonly number[]) <= largestFolded;
    const folds =
      node.op === 'constant' ||
      (node.op !== 'scan' &&
        node.outputs.length > 0 &&
        node.outputs.every(small) &&
        node.inputs.every((input) => known.has(input)));
    if (folds) for (const output of node.outputs) known.add(output);
    return folds;
  });
  const used = new Set(foldable.flatMap(({ inputs }) => inputs));
  return foldable.filter((node) => node.op === 'kernel' || used.has(node.outputs[0]!));
}

/** The results of all kernels among the nodes, at once if possible; else one by one, without those that fail. */
function evaluate(nodes: readonly Node[]): Results {
  if (!nodes.some(({ op }) => op === 'kernel')) return new Map();
  try {
    return run(nodes);
  } catch {
    const known = new Map<Value, Node>();
    const results: Results = new Map();
    for (const node of nodes) {
      if (node.op !== 'kernel') known.set(node.outputs[0]!, node);
      else if (node.inputs.every((input) => known.has(input))) {
        for (const [output, result] of evaluateOne(node, known)) {
          results.set(output, result);
          known.set(output, constant(output, result, node.where));
        }
      }
    }
    return results;
  }
}

/** The results of one kernel on constants; none where it is refused, be it as written or by onnxruntime. */
function evaluateOne(node: Node, constants: ReadonlyMap<Value, Node>): Results {
  try {
    return run([...new Set(node.inputs)].map((input) => constants.get(input)!).concat(node));
  } catch {
    return new Map();
  }
}

function run(nodes: readonly Node[]): Results {
  const values = nodes.flatMap((node) => (node.op === 'kernel' ? node.outputs : []));
  const outputs = values.map((value, i) => ({ name: `result${i}`, value }));
  const computed = runAtOnce(writeOnnx({ inputs: [], outputs, nodes }, { name: 'constants' }));
  return new Map(outputs.map(({ name, value }) => [value, computed[name]!]));
}

function constant(output: Value, { data }: HostTensor, where: Place): ConstantNode {
  return { op: 'constant', inputs: [], outputs: [output], data, where };
}

function splatOf(node: ConstantNode): Node {
  const [first] = node.data;
  const uniform = node.data.length > 1 && node.data.every((value) => Object.is(value, first));
  if (!uniform) return node;
  return { op: 'splat', inputs: [], outputs: node.outputs, value: first!, where: node.where };
}
