import type { Value } from '../graph/ir.ts';
import { type GraphModelEmitter, type GraphModelLowerings, refuse } from './lowering.ts';
import { attr } from './node-def.ts';

/** What the factories below need of a node: its first input, and attributes that the kernels share. */
interface NodeWith<Attrs> {
  readonly kernel: string;
  readonly inputs: readonly Value[];
  readonly attrs: Attrs;
}

type Axis = number | readonly number[] | null | undefined;

/** The axes that an attribute names, counted from the front: one, several, or all when it is absent. */
export function axesOf(axis: Axis, rank: number): number[] {
  const all = Array.from({ length: rank }, (_, i) => i);
  const axes = axis === null || axis === undefined ? all : typeof axis === 'number' ? [axis] : axis;
  return axes.map((one) => (one < 0 ? one + rank : one));
}

const rankOf = ({ inputs }: NodeWith<unknown>) => inputs[0]!.shape.length;

interface ReductionAttrs {
  readonly axis?: Axis;
  readonly reductionIndices?: Axis;
  readonly keepDims?: boolean;
}

function reduction(type: string) {
  return (emit: GraphModelEmitter, node: NodeWith<ReductionAttrs>, [x]: readonly string[]) => {
    const { axis, reductionIndices, keepDims } = node.attrs;
    const axes = emit.ints(axesOf(axis ?? reductionIndices, rankOf(node)));
    return [emit.op(type, [x!, axes], { keep_dims: attr.bool(keepDims ?? false) })];
  };
}

function argReduction(type: string) {
  return (emit: GraphModelEmitter, node: NodeWith<{ axis: number }>, [x]: readonly string[]) => [
    emit.op(type, [x!, emit.scalar('int32', axesOf(node.attrs.axis, rankOf(node))[0]!)]),
  ];
}

interface CumulativeAttrs {
  readonly axis: number;
  readonly exclusive: boolean;
  readonly reverse: boolean;
}

function cumulative(type: string) {
  return (emit: GraphModelEmitter, node: NodeWith<CumulativeAttrs>, [x]: readonly string[]) => {
    const { axis, exclusive, reverse } = node.attrs;
    const attrs = { exclusive: attr.bool(exclusive ?? false), reverse: attr.bool(reverse ?? false) };
    return [emit.op(type, [x!, emit.scalar('int32', axesOf(axis, rankOf(node))[0]!)], attrs)];
  };
}

function requireLastAxis(node: NodeWith<unknown>, axis: number): void {
  const rank = rankOf(node);
  if (axis !== -1 && axis !== rank - 1) refuse(`${node.kernel} runs along the last axis only, not ${axis}`);
}

/** Reductions and scans along axes, and what normalises along one. */
export const reductionLowerings = {
  All: reduction('All'),
  Any: reduction('Any'),
  ArgMax: argReduction('ArgMax'),
  ArgMin: argReduction('ArgMin'),
  Cumprod: cumulative('Cumprod'),
  Cumsum: cumulative('Cumsum'),
  LogSoftmax: (emit, node, [x]) => {
    requireLastAxis(node, node.attrs.axis);
    return [emit.op('LogSoftmax', [x!])];
  },
  Max: reduction('Max'),
  Mean: reduction('Mean'),
  Min: reduction('Min'),
  Prod: reduction('Prod'),
  Softmax: (emit, node, [x]) => {
    requireLastAxis(node, node.attrs.dim);
    return [emit.op('Softmax', [x!])];
  },
  Sum: reduction('Sum'),
  TopK: (emit, { attrs }, [x]) =>
    emit.ops('TopKV2', [x!, emit.scalar('int32', attrs.k)], { sorted: attr.bool(attrs.sorted) }, 2),
} satisfies Partial<GraphModelLowerings>;
