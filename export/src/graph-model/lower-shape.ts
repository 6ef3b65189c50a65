import { type Dim, isSymbolic, type KernelNode, printDim, type Shape } from '../graph/ir.ts';
import type { KernelName } from '../kernels/names.ts';
import { axesOf } from './lower-reduction.ts';
import { type GraphModelEmitter, type GraphModelLowerings, refuse } from './lowering.ts';
import { attr } from './node-def.ts';

const outputShape = (node: KernelNode<KernelName>): Shape => node.outputs[0]!.shape;

/** A constant int32 matrix of pairs, one row per axis: paddings or crops. */
export function pairs(emit: GraphModelEmitter, rows: readonly (readonly number[])[]): string {
  return emit.constant('int32', [rows.length, 2], rows.flat());
}

function plainNumber(dim: Dim, what: string): number {
  if (isSymbolic(dim)) refuse(`${what} is ${printDim(dim)}, which depends on the batch size`);
  return dim;
}

/** One number after the other, each rounded to the type as tfjs's CPU kernels of Range and LinSpace do. */
function progression<T extends Float32Array | Int32Array>(values: T, start: number, step: number): T {
  if (values.length > 0) values[0] = start;
  for (let i = 1; i < values.length; i++) values[i] = values[i - 1]! + step;
  return values;
}

/** Slice; the size along an axis that is taken to its end is left to the op, so that it may be symbolic. */
function slice(emit: GraphModelEmitter, node: KernelNode<'Slice'>, x: string): string {
  const source = node.inputs[0]!.shape;
  // Nothing can be cut off a scalar, and the op refuses one.
  if (source.length === 0) return emit.op('Identity', [x]);
  const attrs: Dim | readonly Dim[] = node.attrs.begin as number | Dim[];
  const given = Array.isArray(attrs) ? (attrs as readonly Dim[]) : [attrs as Dim];
  const begin = source.map((_, axis) => given[axis] ?? 0);
  const size = outputShape(node).map((dim, axis) =>
    isSymbolic(dim) && reachesEnd(begin[axis]!, dim, source[axis]!) ? -1 : dim,
  );
  return emit.op('Slice', [x, emit.dims(begin), emit.dims(size)]);
}

function reachesEnd(begin: Dim, size: Dim, total: Dim): boolean {
  const split = (dim: Dim) => (isSymbolic(dim) ? dim : { scale: 0, offset: dim });
  const [a, b, c] = [split(begin), split(size), split(total)];
  return a.scale + b.scale === c.scale && a.offset + b.offset === c.offset;
}

/** Kernels that move or make elements without computing on them. */
export const shapeLowerings = {
  BatchToSpaceND: (emit, { attrs }, [x]) => [
    emit.op('BatchToSpaceND', [x!, emit.ints(attrs.blockShape), pairs(emit, attrs.crops)]),
  ],
  BroadcastTo: (emit, node, [x]) => [emit.op('BroadcastTo', [x!, emit.dims(outputShape(node))])],
  Concat: (emit, { attrs }, inputs) => [
    emit.op('ConcatV2', [...inputs, emit.scalar('int32', attrs.axis)], { N: attr.int(inputs.length) }),
  ],
  DepthToSpace: (emit, { attrs }, [x]) => [
    emit.op('DepthToSpace', [x!], {
      block_size: attr.int(attrs.blockSize),
      data_format: attr.string(attrs.dataFormat),
    }),
  ],
  ExpandDims: (emit, { attrs }, [x]) => [emit.op('ExpandDims', [x!, emit.scalar('int32', attrs.dim)])],
  Fill: (emit, node) => [emit.fill(node.outputs[0]!.dtype, outputShape(node), Number(node.attrs.value))],
  LinSpace: (emit, { attrs: { start, stop, num } }) => [
    emit.constant('float32', [num], progression(new Float32Array(num), start, (stop - start) / (num - 1))),
  ],
  MirrorPad: (emit, { attrs }, [x]) => [
    emit.op('MirrorPad', [x!, pairs(emit, attrs.paddings)], { mode: attr.string(attrs.mode.toUpperCase()) }),
  ],
  Pack: (emit, { attrs }, inputs) => [
    emit.op('Pack', inputs, { axis: attr.int(attrs.axis), N: attr.int(inputs.length) }),
  ],
  PadV2: (emit, node, [x]) => {
    if (outputShape(node).length === 0) return [emit.op('Identity', [x!])];
    const { paddings, constantValue } = node.attrs;
    const dtype = node.outputs[0]!.dtype === 'float32' ? 'float32' : 'int32';
    return [emit.op('PadV2', [x!, pairs(emit, paddings), emit.scalar(dtype, Number(constantValue))])];
  },
  Range: (emit, node) => {
    const { start, step = 1, stop } = node.attrs;
    const { dtype, shape } = node.outputs[0]!;
    if (dtype === 'bool') refuse('a Range of bool');
    const [length] = shape as [Dim];
    if (!isSymbolic(length)) {
      const values = dtype === 'int32' ? new Int32Array(length) : new Float32Array(length);
      const falling = plainNumber(stop, 'the end of a Range of fixed length') < start;
      return [emit.constant(dtype, [length], progression(values, start, falling && step === 1 ? -1 : step))];
    }
    if (Math.fround(start) !== start || Math.fround(step) !== step) {
      refuse(
        `a Range of symbolic length from ${start} in steps of ${step}: neither may need more than float32`,
      );
    }
    const end = emit.reshape(emit.dims([stop as Dim]), []);
    const bounds = [emit.scalar('float32', start), end, emit.scalar('float32', step)];
    return [emit.op('Range', bounds, { Tidx: attr.dtype(dtype) })];
  },
  Reshape: (emit, node, [x]) => [emit.reshape(x!, outputShape(node))],
  Reverse: (emit, node, [x]) => [
    emit.op('ReverseV2', [x!, emit.ints(axesOf(node.attrs.dims, outputShape(node).length))]),
  ],
  Slice: (emit, node, [x]) => [slice(emit, node, x!)],
  SpaceToBatchND: (emit, { attrs }, [x]) => [
    emit.op('SpaceToBatchND', [x!, emit.ints(attrs.blockShape), pairs(emit, attrs.paddings)]),
  ],
  SplitV: (emit, node, [x]) => {
    const rank = node.inputs[0]!.shape.length;
    const axis = node.attrs.axis < 0 ? node.attrs.axis + rank : node.attrs.axis;
    const sizes = emit.dims(node.outputs.map(({ shape }) => shape[axis]!));
    const attrs = { num_split: attr.int(node.outputs.length) };
    return emit.ops('SplitV', [x!, sizes, emit.scalar('int32', axis)], attrs, node.outputs.length);
  },
  StridedSlice: (emit, { attrs }, [x]) => [
    emit.op('StridedSlice', [x!, emit.dims(attrs.begin), emit.dims(attrs.end), emit.ints(attrs.strides)], {
      begin_mask: attr.int(attrs.beginMask),
      end_mask: attr.int(attrs.endMask),
      ellipsis_mask: attr.int(attrs.ellipsisMask),
      new_axis_mask: attr.int(attrs.newAxisMask),
      shrink_axis_mask: attr.int(attrs.shrinkAxisMask),
    }),
  ],
  Tile: (emit, { attrs }, [x]) => [emit.op('Tile', [x!, emit.dims(attrs.reps)])],
  Transpose: (emit, { attrs }, [x]) => [emit.op('Transpose', [x!, emit.ints(attrs.perm)])],
  Unpack: (emit, node, [x]) =>
    emit.ops(
      'Unpack',
      [x!],
      { axis: attr.int(node.attrs.axis), num: attr.int(node.outputs.length) },
      node.outputs.length,
    ),
} satisfies Partial<GraphModelLowerings>;
