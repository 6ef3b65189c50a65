import { concreteShape, type Dim, isSymbolic, type KernelNode, type Value } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import { fillLike } from './fill.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';

/** Stands for the end of an axis of any length. */
const toTheEnd = 2 ** 31 - 1;
/** onnxruntime's WebGPU provider breaks on a Split into this many or more. */
const splitLimit = 12;

const add = (a: Dim, b: Dim): Dim => {
  if (!isSymbolic(a) && !isSymbolic(b)) return a + b;
  const [left, right] = [a, b].map((dim) => (isSymbolic(dim) ? dim : { scale: 0, offset: dim }));
  return { scale: left!.scale + right!.scale, offset: left!.offset + right!.offset };
};
const same = (a: Dim, b: Dim) => JSON.stringify(a) === JSON.stringify(b);

/** A contiguous part: `begin` may be shorter than the rank, or one number. Untouched axes are left out. */
function slice(emit: OnnxEmitter, x: string, input: Value, output: Value, begin: readonly Dim[]): string {
  const axes = input.shape
    .map((_, axis) => axis)
    .filter((axis) => {
      const start = begin[axis] ?? 0;
      return !(same(start, 0) && same(input.shape[axis]!, output.shape[axis]!));
    });
  if (axes.length === 0) return x;
  const starts = axes.map((axis) => begin[axis] ?? 0);
  const ends = axes.map((axis) => add(begin[axis] ?? 0, output.shape[axis]!));
  return emit.op('Slice', [x, emit.dims(starts), emit.dims(ends), emit.ints(axes)]);
}

/** Entries of one axis in the order given; takes the place of slices with negative steps, which WebGPU breaks. */
function pick(emit: OnnxEmitter, x: string, axis: number, indices: readonly number[]): string {
  return emit.op('Gather', [x, emit.ints(indices)], { axis });
}

/** Joins tensors; onnxruntime concatenates bools on the CPU and WebGPU alike. */
function concat(emit: OnnxEmitter, parts: readonly string[], axis: number): string {
  return parts.length === 1 ? parts[0]! : emit.op('Concat', parts, { axis });
}

function pad(emit: OnnxEmitter, node: KernelNode<'PadV2'>, x: string): string {
  const { paddings, constantValue } = node.attrs;
  const { dtype } = node.inputs[0]!;
  const pads = emit.ints([...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)]);
  if (dtype !== 'bool') return emit.op('Pad', [x, pads, emit.scalar(dtype, constantValue)]);
  const numbers = emit.op('Pad', [emit.cast(x, 'int32'), pads, emit.scalar('int32', constantValue ? 1 : 0)]);
  return emit.cast(numbers, 'bool');
}

/** Indices of an axis with its ends mirrored: `reflect` leaves out the edge, `symmetric` repeats it. */
function mirrored(length: number, [before, after]: readonly [number, number], mode: string): number[] {
  const gap = mode === 'reflect' ? 1 : 0;
  const left = Array.from({ length: before }, (_, i) => before - 1 - i + gap);
  const right = Array.from({ length: after }, (_, i) => length - 1 - i - gap);
  return [...left, ...Array.from({ length }, (_, i) => i), ...right];
}

/** A batch size large enough that no plain number is taken for it, to resolve a slice with symbolic dims. */
const standIn = 2 ** 20;
const evaluate = (dim: Dim) => (isSymbolic(dim) ? dim.scale * standIn + dim.offset : dim);

function stridedSlice(emit: OnnxEmitter, node: KernelNode<'StridedSlice'>, x: string): string {
  const { attrs } = node;
  const [input] = node.inputs as [Value];
  const shape = input.shape.map(evaluate);
  const info = tf.slice_util.sliceInfo(
    shape,
    attrs.begin,
    (attrs.end as readonly Dim[]).map(evaluate),
    attrs.strides,
    attrs.beginMask,
    attrs.endMask,
    attrs.ellipsisMask,
    attrs.newAxisMask,
    attrs.shrinkAxisMask,
  );
  let result = x;
  for (const [axis, step] of info.strides.entries()) {
    const [begin, end] = [info.begin[axis]!, info.end[axis]!];
    if (step === 1 && begin === 0 && end >= shape[axis]!) continue;
    if (
      isSymbolic(input.shape[axis]!) &&
      (step < 0 || begin >= standIn / 2 || (end >= standIn / 2 && end < shape[axis]!))
    ) {
      throw new Error('StridedSlice: on the batch axis, only a start and a positive step are supported');
    }
    if (step < 0) {
      const indices: number[] = [];
      for (let i = begin; i > end; i += step) indices.push(i);
      result = pick(emit, result, axis, indices);
    } else {
      const stop = end >= shape[axis]! ? toTheEnd : end;
      result = emit.op('Slice', [
        result,
        ...[[begin], [stop], [axis], [step]].map((list) => emit.ints(list)),
      ]);
    }
  }
  return emit.reshape(result, node.outputs[0]!.shape);
}

function split(emit: OnnxEmitter, node: KernelNode<'SplitV'>, x: string): string[] {
  const [input] = node.inputs as [Value];
  const axis = node.attrs.axis < 0 ? node.attrs.axis + input.shape.length : node.attrs.axis;
  const sizes = concreteShape(
    node.outputs.map(({ shape }) => shape[axis]!),
    'SplitV',
  );
  if (sizes.length > 1 && sizes.length < splitLimit)
    return emit.ops('Split', [x, emit.ints(sizes)], { axis }, sizes.length);
  let start = 0;
  return sizes.map((size) => {
    const part = emit.op('Slice', [x, emit.ints([start]), emit.ints([start + size]), emit.ints([axis])]);
    start += size;
    return part;
  });
}

function reverse(emit: OnnxEmitter, node: KernelNode<'Reverse'>, x: string): string {
  const [input] = node.inputs as [Value];
  return tf.util.parseAxisParam(node.attrs.dims, input.shape.map(evaluate)).reduce((result, axis) => {
    const length = input.shape[axis]!;
    if (!isSymbolic(length))
      return pick(
        emit,
        result,
        axis,
        Array.from({ length }, (_, i) => length - 1 - i),
      );
    return emit.op('Slice', [result, ...[[-1], [-toTheEnd], [axis], [-1]].map((list) => emit.ints(list))]);
  }, x);
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
  if (dataFormat !== 'NHWC') throw new Error(`DepthToSpace: expected data format NHWC, got ${dataFormat}`);
  const [batch, height, width, depth] = node.inputs[0]!.shape as [Dim, Dim, Dim, number];
  const split = emit.reshape(x, [batch, height, width, blockSize, blockSize, depth / blockSize ** 2]);
  return emit.reshape(emit.transpose(split, [0, 1, 3, 2, 4, 5]), node.outputs[0]!.shape);
}

function range(emit: OnnxEmitter, node: KernelNode<'Range'>): string {
  const { start, stop, step = 1 } = node.attrs;
  const [output] = node.outputs as [Value];
  const limit = emit.op('Squeeze', [emit.dims([stop as Dim]), emit.ints([0])]);
  const dtype = output.dtype === 'bool' ? 'int32' : output.dtype;
  return emit.op('Range', [emit.scalar(dtype, start), emit.cast(limit, dtype), emit.scalar(dtype, step)]);
}

function linSpace({ start, stop, num }: { start: number; stop: number; num: number }): Float32Array {
  const values = new Float32Array(num);
  const step = (stop - start) / (num - 1);
  // The running sum in float32 is how tfjs computes it.
  for (let i = 0; i < num; i++) values[i] = i === 0 ? start : values[i - 1]! + step;
  return values;
}

/** What moves, joins, cuts or repeats values without computing new ones. */
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
  LinSpace: (emit, node) => [emit.constant('float32', [node.attrs.num], linSpace(node.attrs))],
  MirrorPad: (emit, node, [x]) => {
    const { paddings, mode } = node.attrs;
    return [
      paddings.reduce((result, padding, axis) => {
        if (padding[0] === 0 && padding[1] === 0) return result;
        const [length] = concreteShape([node.inputs[0]!.shape[axis]!], 'MirrorPad') as [number];
        return pick(emit, result, axis, mirrored(length, padding, mode));
      }, x!),
    ];
  },
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
  PadV2: (emit, node, [x]) => [pad(emit, node, x!)],
  Range: (emit, node) => [range(emit, node)],
  Reshape: (emit, node, [x]) => [emit.reshape(x!, node.outputs[0]!.shape)],
  Reverse: (emit, node, [x]) => [reverse(emit, node, x!)],
  Slice: (emit, node, [x]) => {
    const begin = [node.attrs.begin as Dim | readonly Dim[]].flat() as Dim[];
    return [slice(emit, x!, node.inputs[0]!, node.outputs[0]!, begin)];
  },
  SpaceToBatchND: (emit, node, [x]) => [spaceToBatch(emit, node, x!)],
  SplitV: (emit, node, [x]) => split(emit, node, x!),
  StridedSlice: (emit, node, [x]) => [stridedSlice(emit, node, x!)],
  Tile: (emit, node, [x]) => {
    const [input] = node.inputs as [Value];
    const reps = emit.dims(node.attrs.reps as readonly Dim[]);
    if (input.shape.length === 0) return [x!];
    if (input.dtype !== 'bool') return [emit.op('Tile', [x!, reps])];
    return [emit.cast(emit.op('Tile', [emit.cast(x!, 'int32'), reps]), 'bool')];
  },
  Transpose: (emit, node, [x]) => [emit.transpose(x!, node.attrs.perm)],
  Unpack: (emit, node, [x]) => {
    const { axis } = node.attrs;
    const at = axis < 0 ? axis + node.inputs[0]!.shape.length : axis;
    // A scalar index takes its axis away.
    return node.outputs.map((_, i) => emit.op('Gather', [x!, emit.scalar('int64', i)], { axis: at }));
  },
} satisfies Partial<OnnxLowerings>;
