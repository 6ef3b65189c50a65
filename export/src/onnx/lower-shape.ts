import { type Dim, isSymbolic, type KernelNode, type Value } from '../graph/ir.ts';
import { fillLike } from './fill.ts';
import { countUp, slice } from './lower-slice.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { describe } from './window-geometry.ts';

/** Joins tensors; onnxruntime concatenates bools on the CPU and WebGPU alike. */
function concat(emit: OnnxEmitter, parts: readonly string[], axis: number): string {
  return parts.length === 1 ? parts[0]! : emit.op('Concat', parts, { axis });
}

/** The batch splits into blocks that move into the space: [blocks, n, s, ...] to [n, s, blocks, ...]. */
function batchToSpace(emit: OnnxEmitter, node: KernelNode<'BatchToSpaceND'>, x: string): string {
  const { blockShape, crops } = node.attrs;
  const [input] = node.inputs as [Value];
  const [output] = node.outputs as [Value];
  const spatial = blockShape.length;
  const [, ...rest] = input.shape;
  const split = emit.reshape(x, [...blockShape, output.shape[0]!, ...rest]);
  const interleaved = rest.flatMap((_, i) => (i < spatial ? [spatial + 1 + i, i] : [spatial + 1 + i]));
  const moved = emit.transpose(split, [spatial, ...interleaved]);
  const whole = rest.map((dim, i) => (i < spatial ? (dim as number) * blockShape[i]! : dim));
  const merged = { ...output, shape: [output.shape[0]!, ...whole] };
  return slice(emit, emit.reshape(moved, merged.shape), merged, output, [
    0,
    ...crops.map(([before]) => before!),
  ]);
}

/** The inverse of `batchToSpace`, after padding. */
function spaceToBatch(emit: OnnxEmitter, node: KernelNode<'SpaceToBatchND'>, x: string): string {
  const { blockShape, paddings } = node.attrs;
  const [input] = node.inputs as [Value];
  const spatial = blockShape.length;
  const [batch, ...rest] = input.shape as [Dim, ...Dim[]];
  const unpadded = rest.slice(spatial).map(() => 0);
  const before = paddings.map(([amount]) => amount!);
  const after = paddings.map(([, amount]) => amount!);
  const pads = emit.ints([0, ...before, ...unpadded, 0, ...after, ...unpadded]);
  const padded = emit.op('Pad', [x, pads, emit.scalar(input.dtype, 0)]);
  const blocks = rest.flatMap((dim, i) =>
    i < spatial ? [((dim as number) + before[i]! + after[i]!) / blockShape[i]!, blockShape[i]!] : [dim],
  );
  const split = emit.reshape(padded, [batch, ...blocks]);
  const front = blockShape.map((_, i) => 2 + 2 * i);
  const middle = blockShape.map((_, i) => 1 + 2 * i);
  const tail = rest.slice(spatial).map((_, i) => 1 + 2 * spatial + i);
  return emit.reshape(emit.transpose(split, [...front, 0, ...middle, ...tail]), node.outputs[0]!.shape);
}

function depthToSpace(emit: OnnxEmitter, node: KernelNode<'DepthToSpace'>, x: string): string {
  const { blockSize, dataFormat } = node.attrs;
  if (dataFormat !== 'NHWC')
    throw new Error(`${describe(node)}: expected data format NHWC, got ${dataFormat}`);
  const [batch, height, width, depth] = node.inputs[0]!.shape as [Dim, Dim, Dim, number];
  const split = emit.reshape(x, [batch, height, width, blockSize, blockSize, depth / blockSize ** 2]);
  return emit.reshape(emit.transpose(split, [0, 1, 3, 2, 4, 5]), node.outputs[0]!.shape);
}

/** start, start + step, ... where each sum is rounded to the type, as tfjs computes it. */
function progression<T extends Float32Array | Int32Array>(values: T, start: number, step: number): T {
  for (let i = 0; i < values.length; i++) values[i] = i === 0 ? start : values[i - 1]! + step;
  return values;
}

/** A constant, unless its length depends on the batch size: then start + step * (0, 1, ...), computed at run time. */
function range(emit: OnnxEmitter, node: KernelNode<'Range'>): string {
  const { start, stop, step: given = 1 } = node.attrs;
  const [{ dtype, shape }] = node.outputs as [Value];
  const [length] = shape as [Dim];
  if (dtype === 'bool') throw new Error(`${describe(node)}: a range of bool has no meaning; use int32`);
  if (!isSymbolic(length)) {
    const step = stop < start && given === 1 ? -1 : given;
    const values = dtype === 'int32' ? new Int32Array(length) : new Float32Array(length);
    return emit.constant(dtype, [length], progression(values, start, step));
  }
  const scaled = emit.op('Mul', [emit.cast(countUp(emit, length), dtype), emit.scalar(dtype, given)]);
  return emit.op('Add', [scaled, emit.scalar(dtype, start)]);
}

/** What joins, repeats, rearranges or makes values without computing on them. */
export const shapeLowerings = {
  BatchToSpaceND: (emit, node, [x]) => [batchToSpace(emit, node, x!)],
  BroadcastTo: (emit, node, [x]) => [emit.op('Expand', [x!, emit.dims(node.outputs[0]!.shape)])],
  Concat: (emit, node, inputs) => {
    const { axis } = node.attrs;
    return [concat(emit, inputs, axis < 0 ? axis + node.outputs[0]!.shape.length : axis)];
  },
  DepthToSpace: (emit, node, [x]) => [depthToSpace(emit, node, x!)],
  ExpandDims: (emit, node, [x]) => [emit.reshape(x!, node.outputs[0]!.shape)],
  Fill: (emit, node) => [fillLike(emit, node.outputs[0]!, Number(node.attrs.value))],
  LinSpace: (emit, { attrs: { start, stop, num } }) => [
    emit.constant('float32', [num], progression(new Float32Array(num), start, (stop - start) / (num - 1))),
  ],
  Pack: (emit, node, inputs) => {
    const { axis } = node.attrs;
    const [output] = node.outputs as [Value];
    const at = axis < 0 ? axis + output.shape.length : axis;
    const shape = output.shape.toSpliced(at, 1, 1);
    return [
      concat(
        emit,
        inputs.map((x) => emit.reshape(x, shape)),
        at,
      ),
    ];
  },
  Range: (emit, node) => [range(emit, node)],
  Reshape: (emit, node, [x]) => [emit.reshape(x!, node.outputs[0]!.shape)],
  SpaceToBatchND: (emit, node, [x]) => [spaceToBatch(emit, node, x!)],
  Tile: (emit, node, [x]) => {
    const [input] = node.inputs as [Value];
    const reps = emit.dims(node.attrs.reps as readonly Dim[]);
    if (input.shape.length === 0) return [x!];
    if (input.dtype !== 'bool') return [emit.op('Tile', [x!, reps])];
    return [emit.cast(emit.op('Tile', [emit.cast(x!, 'int32'), reps]), 'bool')];
  },
  Transpose: (emit, node, [x]) => [emit.transpose(x!, node.attrs.perm)],
} satisfies Partial<OnnxLowerings>;
