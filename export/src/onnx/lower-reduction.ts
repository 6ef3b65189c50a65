import { isSymbolic, type KernelNode, printDim, type Shape } from '../graph/ir.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { describe } from './window-geometry.ts';

interface ReductionAttrs {
  readonly axis: number | readonly number[] | null;
  readonly keepDims?: boolean | undefined;
}

/** The attributes under one name: tfjs calls the axes of its maximum otherwise. */
function reductionAttrs(node: KernelNode): ReductionAttrs {
  const { axis, reductionIndices, keepDims } = node.attrs as unknown as ReductionAttrs & {
    reductionIndices?: ReductionAttrs['axis'];
  };
  return { axis: axis ?? reductionIndices ?? null, keepDims };
}

/** The axes as non-negative numbers, in order; all of them for null. */
function axesOf(axis: ReductionAttrs['axis'], rank: number): number[] {
  const list =
    axis === null || axis === undefined ? Array.from({ length: rank }, (_, i) => i) : [axis].flat();
  return list.map((value) => (value < 0 ? value + rank : value)).toSorted((a, b) => a - b);
}

function reduce(
  type: string,
  emit: OnnxEmitter,
  x: string,
  rank: number,
  { axis, keepDims }: ReductionAttrs,
): string {
  const axes = axesOf(axis, rank);
  // ONNX takes no axes to mean all of them; tfjs means none.
  if (axes.length === 0) return x;
  const keepdims = keepDims ? 1 : 0;
  if (type === 'ReduceSum') return emit.op(type, [x, emit.ints(axes)], { keepdims });
  return emit.op(type, [x], { axes, keepdims });
}

/**
 * A reduction that onnxruntime has for numbers only: bools are counted as int32. Totals of int32 are formed as int64
 * and taken modulo 2^32: onnxruntime's own stop at the ends of int32.
 */
function numeric(type: string) {
  const wraps = type === 'ReduceSum' || type === 'ReduceProd';
  return (emit: OnnxEmitter, node: KernelNode, [x]: readonly string[]): string[] => {
    const { dtype, shape } = node.inputs[0]!;
    const reduced = (numbers: string) => reduce(type, emit, numbers, shape.length, reductionAttrs(node));
    if (wraps && dtype === 'int32') return [emit.cast(reduced(emit.cast(x!, 'int64')), 'int32')];
    const result = reduced(dtype === 'bool' ? emit.cast(x!, 'int32') : x!);
    const [output] = node.outputs;
    if (dtype !== 'bool' || output!.dtype !== 'bool') return [result];
    // Not a cast: the largest of no values is the smallest int32, which is not 0 and yet stands for false.
    return [emit.op('Greater', [result, emit.scalar('int32', 0)])];
  };
}

/**
 * The largest or smallest: NaN where one of the values is. onnxruntime's own passes over NaN; a sum of squares is NaN
 * exactly where a value is, and infinities do not cancel in it.
 */
function extreme(type: 'ReduceMax' | 'ReduceMin') {
  return (emit: OnnxEmitter, node: KernelNode<'Max'> | KernelNode<'Min'>, [x]: readonly string[]) => {
    const [result] = numeric(type)(emit, node, [x!]) as [string];
    const { dtype, shape } = node.inputs[0]!;
    if (dtype !== 'float32' || result === x) return [result];
    const squares = reduce('ReduceSumSquare', emit, x!, shape.length, reductionAttrs(node));
    return [emit.op('Where', [emit.op('Equal', [squares, squares]), result, squares])];
  };
}

function argReduction(type: 'ArgMax' | 'ArgMin') {
  return (emit: OnnxEmitter, node: KernelNode<'ArgMax'> | KernelNode<'ArgMin'>, [x]: readonly string[]) => {
    const rank = node.inputs[0]!.shape.length;
    const [axis] = axesOf(node.attrs.axis, rank) as [number];
    const numbers = node.inputs[0]!.dtype === 'bool' ? emit.cast(x!, 'int32') : x!;
    return [emit.cast(emit.op(type, [numbers], { axis, keepdims: 0 }), 'int32')];
  };
}

function staticLength(node: KernelNode, axis: number): number {
  const dim = node.inputs[0]!.shape[axis]!;
  if (isSymbolic(dim)) {
    throw new Error(
      `${describe(node)}: along an axis of ${printDim(dim)} entries, where b is the batch size; only fixed lengths work`,
    );
  }
  return dim;
}

/** x moved by `distance` along the axis, ones moving in; backwards moves towards the front. */
function shift(
  emit: OnnxEmitter,
  x: string,
  at: { rank: number; axis: number; length: number },
  distance: number,
  backwards: boolean,
  fill: string,
): string {
  const pads = new Array<number>(2 * at.rank).fill(0);
  pads[at.axis + (backwards ? at.rank : 0)] = distance;
  const padded = emit.op('Pad', [x, emit.ints(pads), fill]);
  const start = backwards ? distance : 0;
  return emit.op('Slice', [padded, emit.ints([start]), emit.ints([start + at.length]), emit.ints([at.axis])]);
}

/** ONNX has no running product: doubling distances, each position gathers all before it in log2(n) products. */
function cumprod(emit: OnnxEmitter, node: KernelNode<'Cumprod'>, x: string): string {
  const rank = node.inputs[0]!.shape.length;
  const [axis] = axesOf(node.attrs.axis, rank) as [number];
  const at = { rank, axis, length: staticLength(node, axis) };
  const one = emit.scalar(node.outputs[0]!.dtype, 1);
  const { exclusive, reverse } = node.attrs;
  let product = exclusive ? shift(emit, x, at, 1, reverse, one) : x;
  for (let distance = 1; distance < at.length; distance *= 2) {
    product = emit.op('Mul', [product, shift(emit, product, at, distance, reverse, one)]);
  }
  return product;
}

/** Sums, extremes and running totals along axes. */
export const reductionLowerings = {
  All: numeric('ReduceMin'),
  Any: numeric('ReduceMax'),
  ArgMax: argReduction('ArgMax'),
  ArgMin: argReduction('ArgMin'),
  Cumprod: (emit, node, [x]) => {
    const numbers = node.inputs[0]!.dtype === 'bool' ? emit.cast(x!, 'int32') : x!;
    return [cumprod(emit, node, numbers)];
  },
  Cumsum: (emit, node, [x]) => {
    const { dtype, shape } = node.inputs[0]!;
    const [axis] = axesOf(node.attrs.axis, shape.length) as [number];
    const numbers = dtype === 'bool' ? emit.cast(x!, 'int32') : x!;
    const { exclusive, reverse } = node.attrs;
    const attrs = { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 };
    return [emit.op('CumSum', [numbers, emit.scalar('int64', axis)], attrs)];
  },
  LogSoftmax: (emit, _, [logits]) => {
    // Written out, since WebGPU lacks LogSoftmax.
    const shifted = emit.op('Sub', [logits!, emit.op('ReduceMax', [logits!], { axes: [-1], keepdims: 1 })]);
    const total = emit.op('ReduceSum', [emit.op('Exp', [shifted]), emit.ints([-1])], { keepdims: 1 });
    return [emit.op('Sub', [shifted, emit.op('Log', [total])])];
  },
  Max: extreme('ReduceMax'),
  Mean: (emit, node, [x]) => {
    const { dtype, shape } = node.inputs[0]!;
    const numbers = dtype === 'float32' ? x! : emit.cast(x!, 'float32');
    return [reduce('ReduceMean', emit, numbers, shape.length, node.attrs)];
  },
  Min: extreme('ReduceMin'),
  Prod: numeric('ReduceProd'),
  Softmax: (emit, _, [logits]) => [emit.op('Softmax', [logits!], { axis: -1 })],
  Sum: numeric('ReduceSum'),
  // NaN is sorted as infinity: neither tfjs nor onnxruntime has a place for it.
  TopK: (emit, node, [x]) => {
    const { dtype } = node.inputs[0]!;
    const numbers = dtype === 'bool' ? emit.cast(x!, 'int32') : x!;
    const infinity = () => emit.scalar('float32', Number.POSITIVE_INFINITY);
    const floats = dtype === 'float32';
    const sorted = floats ? emit.op('Where', [emit.op('Equal', [x!, x!]), x!, infinity()]) : numbers;
    const [largest, indices] = largestOf(emit, sorted, node.inputs[0]!.shape, node.attrs.k);
    // The last axis by its number: onnx's reference evaluator takes no negative one.
    const axis = node.inputs[0]!.shape.length - 1;
    const values = floats ? emit.op('GatherElements', [x!, indices], { axis }) : largest;
    return [dtype === 'bool' ? emit.cast(values, 'bool') : values, emit.cast(indices, 'int32')];
  },
} satisfies Partial<OnnxLowerings>;

/**
 * The k largest values along the last axis and their places. onnxruntime 1.30 divides by the number of rows, which ends
 * the process where there are none: where that depends on the batch, a row is added for it and taken away again.
 */
function largestOf(emit: OnnxEmitter, x: string, shape: Shape, k: number): [string, string] {
  const topOf = (rows: string) =>
    emit.ops('TopK', [rows, emit.ints([k])], { axis: -1 }, 2) as [string, string];
  const rows = shape.slice(0, -1);
  if (!rows.some(isSymbolic)) return topOf(x);
  const counts = emit.dims(rows);
  const none = emit.ints(rows.map(() => 0));
  const ones = emit.ints(rows.map(() => 1));
  const missing = emit.op('Sub', [ones, emit.op('Min', [counts, ones])]);
  const pads = emit.op('Concat', [none, emit.ints([0]), missing, emit.ints([0])], { axis: 0 });
  const [values, indices] = topOf(emit.op('Pad', [x, pads]));
  const taken = (padded: string) =>
    emit.op('Slice', [padded, none, counts, emit.ints(rows.map((_, i) => i))]);
  return [taken(values), taken(indices)];
}
