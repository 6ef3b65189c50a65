import type { KernelNode, Shape } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { fillLike } from './fill.ts';
import type { OnnxEmitter } from './lowering.ts';

/** Kernels whose results are sums of products of their inputs: sums of nothing where an input has no values. */
const sums: ReadonlySet<KernelName> = new Set<KernelName>([
  'BatchMatMul',
  'Conv2D',
  'Conv2DBackpropFilter',
  'Conv2DBackpropInput',
  'DepthwiseConv2dNative',
  'DepthwiseConv2dNativeBackpropFilter',
  'DepthwiseConv2dNativeBackpropInput',
  'Einsum',
  'UnsortedSegmentSum',
]);

const isEmpty = ({ shape }: { readonly shape: Shape }) => shape.includes(0);

/**
 * Writes a call that computes nothing: results without values, and sums of no products, which are 0. onnxruntime 1.30
 * gives what stood in memory for a MatMul over no columns, refuses others, and divides by the number of rows in TopK,
 * which ends the process.
 * @returns null where there is something to compute
 */
export function lowerEmpty(emit: OnnxEmitter, node: KernelNode): string[] | null {
  const empty = node.outputs.every(isEmpty) || (sums.has(node.kernel) && node.inputs.some(isEmpty));
  return empty ? node.outputs.map((output) => fillLike(emit, output, 0)) : null;
}
