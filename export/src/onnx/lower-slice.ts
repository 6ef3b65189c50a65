import { concreteShape, type Dim, isSymbolic, type KernelNode, type Value } from '../graph/ir.ts';
import { tf } from '../tf.ts';
import type { OnnxEmitter, OnnxLowerings } from './lowering.ts';
import { atBatch, dimThrough, plus, sameDim } from './symbolic-dim.ts';
import { describe } from './window-geometry.ts';

/** Stands for the end of an axis of any length. */
const toTheEnd = 2 ** 31 - 1;
/** onnxruntime's WebGPU provider binds every part of a Split at once, and an adapter may stop at 8 buffers. */
const splitLimit = 8;

/** The entries begin, begin + step, ... before `end` of an axis of `length`; the step is positive. */
interface Cut {
  readonly axis: number;
  readonly length: Dim;
  readonly begin: Dim;
  readonly end: Dim;
  readonly step: number;
}

/** One Slice for all cuts that leave something out; an end that is the axis's own needs no shape arithmetic. */
function cutOut(emit: OnnxEmitter, x: string, cuts: readonly Cut[]): string {
  const kept = cuts.filter((cut) => !(cut.begin === 0 && sameDim(cut.end, cut.length) && cut.step === 1));
  if (kept.length === 0) return x;
  const ends = kept.map(({ end, length }) => (sameDim(end, length) ? toTheEnd : end));
  const bounds = [emit.dims(kept.map(({ begin }) => begin)), emit.dims(ends)];
  const steps = kept.map(({ step }) => step);
  const stepped = steps.every((step) => step === 1) ? [] : [emit.ints(steps)];
  return emit.op('Slice', [x, ...bounds, emit.ints(kept.map(({ axis }) => axis)), ...stepped]);
}

/** The part of `input`'s shape that starts at `begin` (0 on axes it does not reach) and has `output`'s shape. */
export function slice(
  emit: OnnxEmitter,
  x: string,
  input: Value,
  output: Value,
  begin: readonly Dim[],
): string {
  const cuts = input.shape.map((length, axis): Cut => {
    const start = begin[axis] ?? 0;
    return { axis, length, begin: start, end: plus(start, output.shape[axis]!), step: 1 };
  });
  return cutOut(emit, x, cuts);
}

/** The int64 numbers 0 to `length` - 1, for a length that depends on the batch size. */
export function countUp(emit: OnnxEmitter, length: Dim): string {
  const limit = emit.reshape(emit.dims([length]), []);
  return emit.op('Range', [emit.scalar('int64', 0), limit, emit.scalar('int64', 1)]);
}

/** Entries of one axis in the order given. */
function pick(emit: OnnxEmitter, x: string, axis: number, indices: readonly number[]): string {
  return emit.op('Gather', [x, emit.ints(indices)], { axis });
}

/** Turns one axis round, by a Gather: onnxruntime's WebGPU provider breaks on slices with a negative step. */
function turn(emit: OnnxEmitter, x: string, axis: number, length: Dim): string {
  if (!isSymbolic(length)) {
    const indices = Array.from({ length }, (_, i) => length - 1 - i);
    return pick(emit, x, axis, indices);
  }
  const indices = emit.op('Sub', [emit.dims([plus(length, -1)]), countUp(emit, length)]);
  return emit.op('Gather', [x, indices], { axis });
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

/** Batch sizes at which a strided slice is resolved, to tell how its bounds depend on the batch. */
const batches = [5, 7] as const;

/** The bounds on each axis after masks, ellipsis and negative indices are resolved; `count` is how many are taken. */
function resolveStrides({ attrs, inputs }: KernelNode<'StridedSlice'>) {
  const [low, high] = batches.map((batch) =>
    tf.slice_util.sliceInfo(
      atBatch(inputs[0]!.shape, batch),
      atBatch(attrs.begin, batch),
      atBatch(attrs.end, batch),
      attrs.strides,
      attrs.beginMask,
      attrs.endMask,
      attrs.ellipsisMask,
      attrs.newAxisMask,
      attrs.shrinkAxisMask,
    ),
  ) as [ReturnType<typeof tf.slice_util.sliceInfo>, ReturnType<typeof tf.slice_util.sliceInfo>];
  const dim = (a: number, b: number) => dimThrough(batches[0], a, batches[1], b);
  return low.strides.map((stride, axis) => {
    const count = ({ begin, end }: typeof low) =>
      Math.max(0, Math.ceil((end[axis]! - begin[axis]!) / stride));
    return {
      stride,
      begin: dim(low.begin[axis]!, high.begin[axis]!),
      end: dim(low.end[axis]!, high.end[axis]!),
      count: dim(count(low), count(high)),
    };
  });
}

function stridedSlice(emit: OnnxEmitter, node: KernelNode<'StridedSlice'>, x: string): string {
  const [{ shape }] = node.inputs as [Value];
  const axes = resolveStrides(node);
  const cuts = axes.map(({ stride, begin, end, count }, axis): Cut => {
    const length = shape[axis]!;
    if (sameDim(count, 0)) return { axis, length, begin: 0, end: 0, step: 1 };
    if (stride > 0) return { axis, length, begin, end, step: stride };
    // Backwards from `begin`: the same entries are taken forwards, from the last of them, and turned round.
    if (isSymbolic(count) && stride !== -1) {
      throw new Error(`${describe(node)}: step ${stride} along the batch axis; only -1 goes backwards there`);
    }
    const last = isSymbolic(count) ? plus(end, 1) : plus(begin, (count - 1) * stride);
    return { axis, length, begin: last, end: plus(begin, 1), step: -stride };
  });
  const taken = axes.reduce(
    (result, { stride, count }, axis) => (stride < 0 ? turn(emit, result, axis, count) : result),
    cutOut(emit, x, cuts),
  );
  const { newAxisMask, shrinkAxisMask } = node.attrs;
  return newAxisMask || shrinkAxisMask ? emit.reshape(taken, node.outputs[0]!.shape) : taken;
}

function split(emit: OnnxEmitter, node: KernelNode<'SplitV'>, x: string): string[] {
  const [input] = node.inputs as [Value];
  const axis = node.attrs.axis < 0 ? node.attrs.axis + input.shape.length : node.attrs.axis;
  const lengths = node.outputs.map(({ shape }) => shape[axis]!);
  const sizes = concreteShape(lengths, describe(node));
  if (sizes.length > 1 && sizes.length < splitLimit)
    return emit.ops('Split', [x, emit.ints(sizes)], { axis }, sizes.length);
  let start = 0;
  return sizes.map((size) => {
    const part = emit.op('Slice', [x, emit.ints([start]), emit.ints([start + size]), emit.ints([axis])]);
    start += size;
    return part;
  });
}

/** What cuts values out, pads them or takes them in another order. */
export const sliceLowerings = {
  MirrorPad: (emit, node, [x]) => {
    const { paddings, mode } = node.attrs;
    return [
      paddings.reduce((result, padding, axis) => {
        if (padding[0] === 0 && padding[1] === 0) return result;
        const [length] = concreteShape([node.inputs[0]!.shape[axis]!], describe(node)) as [number];
        return pick(emit, result, axis, mirrored(length, padding, mode));
      }, x!),
    ];
  },
  PadV2: (emit, node, [x]) => [pad(emit, node, x!)],
  Reverse: (emit, node, [x]) => {
    const { shape } = node.inputs[0]!;
    const axes = tf.util.parseAxisParam(node.attrs.dims, atBatch(shape, batches[0]));
    return [axes.reduce((result, axis) => turn(emit, result, axis, shape[axis]!), x!)];
  },
  Slice: (emit, node, [x]) => {
    const begin = [node.attrs.begin as Dim | readonly Dim[]].flat() as Dim[];
    return [slice(emit, x!, node.inputs[0]!, node.outputs[0]!, begin)];
  },
  SplitV: (emit, node, [x]) => split(emit, node, x!),
  StridedSlice: (emit, node, [x]) => [stridedSlice(emit, node, x!)],
  Unpack: (emit, node, [x]) => {
    const { axis } = node.attrs;
    const at = axis < 0 ? axis + node.inputs[0]!.shape.length : axis;
    // A scalar index takes its axis away.
    return node.outputs.map((_, i) => emit.op('Gather', [x!, emit.scalar('int64', i)], { axis: at }));
  },
} satisfies Partial<OnnxLowerings>;
