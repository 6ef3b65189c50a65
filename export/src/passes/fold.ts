import {
  type ConstantData,
  concreteShape,
  type Graph,
  isSymbolic,
  type Node,
  type Value,
} from '../graph/ir.ts';
import { kernelInputNames } from '../kernels/names.ts';
import { tf } from '../tf.ts';
import { toConstantData } from '../trace/recorder.ts';
import { rewrite } from './rewrite.ts';

/** Larger results are left to the runtime: folding a broadcast into a file would only make it big. */
const largestFolded = 1 << 16;

/**
 * Evaluates kernels whose inputs are all constants, with tfjs's CPU kernels, and turns constants that hold one
 * value throughout into splats.
 */
export function foldConstants(graph: Graph): Graph {
  const constants = new Map<Value, ConstantData>();
  return rewrite(graph, (node) => {
    const folded = node.op === 'kernel' ? evaluate(node, constants) : node;
    if (folded.op === 'constant') constants.set(folded.outputs[0]!, folded.data);
    return [folded.op === 'constant' ? splatOf(folded) : folded];
  });
}

function evaluate(node: Node, constants: Map<Value, ConstantData>): Node {
  const [output] = node.outputs as [Value];
  if (node.op !== 'kernel' || node.outputs.length !== 1) return node;
  if (!node.inputs.every((input) => constants.has(input))) return node;
  if (output.shape.some(isSymbolic) || sizeOfShape(output) > largestFolded) return node;
  const data = onCpu(() => {
    const tensors = node.inputs.map((input) =>
      tf.tensor(constants.get(input)!, concreteShape(input.shape, node.kernel), input.dtype),
    );
    const names: readonly string[] | 'variadic' = kernelInputNames[node.kernel];
    const inputs =
      names === 'variadic' ? tensors : Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
    const result = tf
      .engine()
      .runKernel(
        node.kernel,
        inputs as tf.NamedTensorMap,
        node.attrs as unknown as tf.NamedAttrMap,
      ) as tf.Tensor;
    return toConstantData(result.dataSync(), output.dtype);
  });
  return { op: 'constant', inputs: [], outputs: node.outputs, data, where: node.where };
}

function onCpu<T>(body: () => T): T {
  const previous = tf.engine().backendName;
  // The CPU backend is made synchronously, so it is active when the call returns.
  void tf.setBackend('cpu');
  try {
    return tf.tidy(body as () => tf.TensorContainer) as T;
  } finally {
    if (previous != null && previous !== 'cpu') void tf.setBackend(previous);
  }
}

function sizeOfShape(value: Value): number {
  return value.shape.reduce<number>((size, dim) => size * (dim as number), 1);
}

function splatOf(node: Node & { op: 'constant' }): Node {
  const [first] = node.data;
  const uniform = node.data.length > 1 && node.data.every((value) => Object.is(value, first));
  if (!uniform) return node;
  return { op: 'splat', inputs: [], outputs: node.outputs, value: first!, where: node.where };
}
