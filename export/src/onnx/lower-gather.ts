import { concreteShape, type KernelNode, type Value } from '../graph/ir.ts';
import { fillLike } from './fill.ts';
import { where } from './lower-elementwise.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { describe } from './window-geometry.ts';

/** With batch dimensions, the axis is moved right behind them, gathered there, and what stood between moved back. */
function gather(emit: OnnxEmitter, node: KernelNode<'GatherV2'>, x: string, indices: string): string {
  const [params, index] = node.inputs as [Value, Value];
  const rank = params.shape.length;
  const axis = node.attrs.axis < 0 ? node.attrs.axis + rank : node.attrs.axis;
  const shared = node.attrs.batchDims ?? 0;
  if (shared === 0) return emit.op('Gather', [x, indices], { axis });
  const span = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  const moved = emit.transpose(x, [...span(0, shared), axis, ...span(shared, axis), ...span(axis + 1, rank)]);
  const last = emit.reshape(emit.cast(indices, 'int64'), [...index.shape, 1]);
  const taken = emit.op('GatherND', [moved, last], { batch_dims: shared });
  const own = index.shape.length - shared;
  const between = span(shared + own, shared + own + axis - shared);
  const rest = span(shared + own + between.length, node.outputs[0]!.shape.length);
  return emit.transpose(taken, [...span(0, shared), ...between, ...span(shared, shared + own), ...rest]);
}

/** Equality with each class in turn: WebGPU lacks OneHot. */
function oneHot(emit: OnnxEmitter, node: KernelNode<'OneHot'>, indices: string): string {
  const { depth, onValue, offValue } = node.attrs;
  const [input] = node.inputs as [Value];
  const [{ dtype }] = node.outputs as [Value];
  const classes = emit.constant(
    'int32',
    [depth],
    Array.from({ length: depth }, (_, i) => i),
  );
  const columns = emit.reshape(emit.cast(indices, 'int32'), [...input.shape, 1]);
  const hit = emit.op('Equal', [columns, classes]);
  if (onValue === 1 && offValue === 0) return dtype === 'bool' ? hit : emit.cast(hit, dtype);
  return where(emit, dtype, hit, emit.scalar(dtype, onValue), emit.scalar(dtype, offValue));
}

/**
 * Sums of rows by segment, as the product with a one-hot matrix: ids outside the range are dropped, as in tfjs,
 * which a scatter would not survive.
 */
function segmentSum(
  emit: OnnxEmitter,
  node: KernelNode<'UnsortedSegmentSum'>,
  x: string,
  ids: string,
): string {
  const [values, segments] = node.inputs as [Value, Value];
  if (segments.shape.length !== 1) {
    throw new Error(`${describe(node)}: expected segment ids of rank 1, got rank ${segments.shape.length}`);
  }
  const { numSegments } = node.attrs;
  const features = concreteShape(values.shape.slice(1), describe(node)).reduce((a, b) => a * b, 1);
  const classes = emit.constant(
    'int32',
    [numSegments, 1],
    Array.from({ length: numSegments }, (_, i) => i),
  );
  const row = emit.reshape(emit.cast(ids, 'int32'), [1, segments.shape[0]!]);
  const [{ dtype, shape }] = node.outputs as [Value];
  const member = emit.cast(emit.op('Equal', [classes, row]), dtype);
  const summands = values.dtype === dtype ? x : emit.cast(x, dtype);
  const matrix = emit.reshape(summands, [values.shape[0]!, features]);
  return emit.reshape(emit.op('MatMul', [member, matrix]), shape);
}

/** Reading and writing by index. */
export const gatherLowerings = {
  GatherNd: (emit, _, [params, indices]) => [emit.op('GatherND', [params!, emit.cast(indices!, 'int64')])],
  GatherV2: (emit, node, [x, indices]) => [gather(emit, node, x!, indices!)],
  OneHot: (emit, node, [indices]) => [oneHot(emit, node, indices!)],
  ScatterNd: (emit, node, [indices, updates]) => {
    const zeros = fillLike(emit, node.outputs[0]!, 0);
    // Several updates of one place add up.
    return [emit.op('ScatterND', [zeros, emit.cast(indices!, 'int64'), updates!], { reduction: 'add' })];
  },
  TensorScatterUpdate: (emit, _, [tensor, indices, updates]) => [
    emit.op('ScatterND', [tensor!, emit.cast(indices!, 'int64'), updates!]),
  ],
  UnsortedSegmentSum: (emit, node, [x, ids]) => [segmentSum(emit, node, x!, ids!)],
} satisfies Partial<OnnxLowerings>;
