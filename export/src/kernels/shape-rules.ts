import type { DType } from '@generatrix/runtime/core';
import { tf } from '../tf.ts';
import type { KernelAttrs, KernelName } from './names.ts';

/** Type and (concrete) shape of one tensor while tracing. */
export interface TensorMeta {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** From the inputs' types and shapes to the outputs': what the tfjs kernel would have allocated. */
export type ShapeRule<K extends KernelName> = (inputs: TensorMeta[], attrs: KernelAttrs[K]) => TensorMeta[];

const sameAs: ShapeRule<KernelName> = ([x]) => [x!];
const boolLike: ShapeRule<KernelName> = ([x]) => [{ dtype: 'bool', shape: x!.shape }];

function broadcast(dtype?: DType): ShapeRule<KernelName> {
  return ([a, b]) => [
    {
      dtype: dtype ?? a!.dtype,
      shape: tf.backend_util.assertAndGetBroadcastShape([...a!.shape], [...b!.shape]),
    },
  ];
}

function reduction(
  resultType: (dtype: DType) => DType,
): (inputs: TensorMeta[], attrs: { axis: number | number[]; keepDims?: boolean }) => TensorMeta[] {
  return ([x], { axis, keepDims }) => {
    const axes = tf.util.parseAxisParam(axis, [...x!.shape]);
    const shape = x!.shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));
    return [{ dtype: resultType(x!.dtype), shape }];
  };
}

const atLeastInt = (dtype: DType): DType => (dtype === 'bool' ? 'int32' : dtype);
const argReduction = ([x]: TensorMeta[], { axis }: { axis: number }): TensorMeta[] => {
  const [resolved] = tf.util.parseAxisParam(axis, [...x!.shape]);
  return [{ dtype: 'int32', shape: x!.shape.filter((_, i) => i !== resolved) }];
};
const cumulative: ShapeRule<KernelName> = ([x]) => [{ dtype: atLeastInt(x!.dtype), shape: x!.shape }];

type Shape4 = [number, number, number, number];
const four = (meta: TensorMeta | undefined) => [...meta!.shape] as Shape4;

function pooled([x]: TensorMeta[], attrs: tf.AvgPoolAttrs): TensorMeta[] {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = tf.backend_util.computePool2DInfo(four(x), filterSize, strides, 1, pad, dimRoundingMode);
  return [{ dtype: x!.dtype, shape: info.outShape }];
}

function convolved(depthwise: boolean) {
  return ([x, filter]: TensorMeta[], attrs: tf.Conv2DAttrs): TensorMeta[] => {
    const { strides, dilations, pad, dimRoundingMode, dataFormat } = attrs;
    const format = dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast';
    const info = tf.backend_util.computeConv2DInfo(
      four(x),
      four(filter),
      strides,
      dilations ?? 1,
      pad,
      dimRoundingMode,
      depthwise,
      format,
    );
    return [{ dtype: x!.dtype, shape: info.outShape }];
  };
}

function resized([images]: TensorMeta[], { size }: { size: [number, number] }): TensorMeta[] {
  const [batch, , , depth] = four(images);
  return [{ dtype: 'float32', shape: [batch, size[0], size[1], depth] }];
}

function sliced(x: TensorMeta, begin: number | number[], size: number | number[]): TensorMeta {
  const [starts, sizes] = tf.slice_util.parseSliceParams(asTensorInfo(x), begin, size) as [
    number[],
    number[],
  ];
  tf.slice_util.assertParamsValid(asTensorInfo(x), starts, sizes);
  return { dtype: x.dtype, shape: sizes };
}

/** tfjs's shape helpers take a TensorInfo but read only its shape. */
function asTensorInfo(meta: TensorMeta): tf.TensorInfo & { rank: number } {
  return { dataId: {}, dtype: meta.dtype, shape: [...meta.shape], rank: meta.shape.length };
}

function splitSizes(x: TensorMeta, { numOrSizeSplits, axis }: tf.SplitVAttrs): TensorMeta[] {
  const [resolved] = tf.util.parseAxisParam(axis, [...x.shape]) as [number];
  const total = x.shape[resolved]!;
  const sizes =
    typeof numOrSizeSplits === 'number'
      ? Array.from({ length: numOrSizeSplits }, () => total / numOrSizeSplits)
      : numOrSizeSplits.map((size) => {
          const known = numOrSizeSplits.filter((other) => other >= 0).reduce((a, b) => a + b, 0);
          return size === -1 ? total - known : size;
        });
  return sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.with(resolved, size) }));
}

function gathered([x, indices]: TensorMeta[], { axis, batchDims }: tf.GatherV2Attrs): TensorMeta[] {
  const [resolved] = tf.util.parseAxisParam(axis, [...x!.shape]) as [number];
  const shared = batchDims ?? 0;
  const shape = [
    ...x!.shape.slice(0, resolved),
    ...indices!.shape.slice(shared),
    ...x!.shape.slice(resolved + 1),
  ];
  return [{ dtype: x!.dtype, shape }];
}

function multiplied([a, b]: TensorMeta[], { transposeA, transposeB }: tf.BatchMatMulAttrs): TensorMeta[] {
  const rank = a!.shape.length;
  const rows = a!.shape[rank - (transposeA ? 1 : 2)]!;
  const columns = b!.shape[b!.shape.length - (transposeB ? 2 : 1)]!;
  const batch = tf.backend_util.assertAndGetBroadcastShape(
    [...a!.shape.slice(0, -2)],
    [...b!.shape.slice(0, -2)],
  );
  return [{ dtype: a!.dtype, shape: [...batch, rows, columns] }];
}

function einsum(inputs: TensorMeta[], { equation }: tf.EinsumAttrs): TensorMeta[] {
  const [left, right] = equation.replaceAll(' ', '').split('->') as [string, string];
  const sizes = new Map<string, number>();
  for (const [i, term] of left.split(',').entries()) {
    for (const [axis, letter] of [...term].entries()) sizes.set(letter, inputs[i]!.shape[axis]!);
  }
  return [{ dtype: inputs[0]!.dtype, shape: [...right].map((letter) => sizes.get(letter)!) }];
}

/** tfjs counts down when the stop lies below the start and the step is left at 1. */
function rangeLength(start: number, stop: number, step: number): number {
  if (start === stop || (start < stop && step < 0) || (stop < start && step > 1)) return 0;
  return Math.abs(Math.ceil((stop - start) / step));
}

/** The complete table of shape rules. */
export const shapeRules: { [K in KernelName]: ShapeRule<K> } = {
  Abs: sameAs,
  Acos: sameAs,
  Acosh: sameAs,
  Add: broadcast(),
  AddN: sameAs,
  All: reduction((dtype) => dtype),
  Any: reduction((dtype) => dtype),
  ArgMax: argReduction,
  ArgMin: argReduction,
  Asin: sameAs,
  Asinh: sameAs,
  Atan: sameAs,
  Atan2: broadcast(),
  Atanh: sameAs,
  AvgPool: pooled,
  AvgPoolGrad: ([, input]) => [input!],
  BatchMatMul: multiplied,
  BatchToSpaceND: ([x], { blockShape, crops }) => {
    const [batch, ...rest] = x!.shape as [number, ...number[]];
    const blocks = blockShape.reduce((a, b) => a * b, 1);
    const spatial = rest.map((dim, i) =>
      i < blockShape.length ? dim * blockShape[i]! - crops[i]![0]! - crops[i]![1]! : dim,
    );
    return [{ dtype: x!.dtype, shape: [batch / blocks, ...spatial] }];
  },
  BroadcastTo: ([x], { shape }) => [{ dtype: x!.dtype, shape }],
  Cast: ([x], { dtype }) => [{ dtype, shape: x!.shape }],
  Ceil: sameAs,
  ClipByValue: sameAs,
  Concat: (inputs, { axis }) => {
    const [resolved] = tf.util.parseAxisParam(axis, [...inputs[0]!.shape]) as [number];
    const total = inputs.reduce((sum, x) => sum + x.shape[resolved]!, 0);
    return [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape.with(resolved, total) }];
  },
  Conv2D: convolved(false),
  Conv2DBackpropFilter: ([x], { filterShape }) => [{ dtype: x!.dtype, shape: filterShape }],
  Conv2DBackpropInput: ([dy], { inputShape }) => [{ dtype: dy!.dtype, shape: inputShape }],
  Cos: sameAs,
  Cosh: sameAs,
  Cumprod: cumulative,
  Cumsum: cumulative,
  DepthToSpace: ([x], { blockSize, dataFormat }) => {
    const [n, a, b, c] = four(x);
    const depth = blockSize * blockSize;
    const shape =
      dataFormat === 'NHWC'
        ? [n, a * blockSize, b * blockSize, c / depth]
        : [n, a / depth, b * blockSize, c * blockSize];
    return [{ dtype: x!.dtype, shape }];
  },
  DepthwiseConv2dNative: (inputs, attrs) => convolved(true)(inputs, attrs),
  DepthwiseConv2dNativeBackpropFilter: ([x], { filterShape }) => [{ dtype: x!.dtype, shape: filterShape }],
  DepthwiseConv2dNativeBackpropInput: ([dy], { inputShape }) => [{ dtype: dy!.dtype, shape: inputShape }],
  Einsum: einsum,
  Elu: sameAs,
  EluGrad: ([, y]) => [y!],
  Equal: broadcast('bool'),
  Erf: sameAs,
  Exp: ([x]) => [{ dtype: 'float32', shape: x!.shape }],
  ExpandDims: ([input], { dim }) => {
    const at = dim < 0 ? input!.shape.length + 1 + dim : dim;
    return [{ dtype: input!.dtype, shape: input!.shape.toSpliced(at, 0, 1) }];
  },
  Expm1: sameAs,
  Fill: (_, { shape, value, dtype }) => [
    { dtype: dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32'), shape },
  ],
  Floor: sameAs,
  FloorDiv: broadcast('int32'),
  FusedBatchNorm: sameAs,
  GatherNd: ([params, indices]) => {
    const depth = indices!.shape.at(-1)!;
    const shape = [...indices!.shape.slice(0, -1), ...params!.shape.slice(depth)];
    return [{ dtype: params!.dtype, shape }];
  },
  GatherV2: gathered,
  Greater: broadcast('bool'),
  GreaterEqual: broadcast('bool'),
  Identity: sameAs,
  IsFinite: boolLike,
  IsInf: boolLike,
  IsNan: boolLike,
  LRN: sameAs,
  LRNGrad: sameAs,
  LeakyRelu: ([x]) => [{ dtype: 'float32', shape: x!.shape }],
  Less: broadcast('bool'),
  LessEqual: broadcast('bool'),
  LinSpace: (_, { num }) => [{ dtype: 'float32', shape: [num] }],
  Log: sameAs,
  Log1p: sameAs,
  LogSoftmax: sameAs,
  LogicalAnd: broadcast('bool'),
  LogicalNot: boolLike,
  LogicalOr: broadcast('bool'),
  Max: (inputs, { reductionIndices, keepDims }) =>
    reduction((dtype) => dtype)(inputs, { axis: reductionIndices, keepDims }),
  MaxPool: pooled,
  MaxPoolGrad: ([, input]) => [input!],
  Maximum: broadcast(),
  Mean: reduction(() => 'float32'),
  Min: reduction((dtype) => dtype),
  Minimum: broadcast(),
  MirrorPad: ([x], { paddings }) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, i) => dim + paddings[i]![0] + paddings[i]![1]) },
  ],
  Mod: broadcast(),
  Multiply: broadcast(),
  Neg: sameAs,
  NotEqual: broadcast('bool'),
  OneHot: ([indices], { depth, dtype }) => [{ dtype: dtype ?? 'float32', shape: [...indices!.shape, depth] }],
  OnesLike: sameAs,
  Pack: (inputs, { axis }) => {
    const at = axis < 0 ? axis + inputs[0]!.shape.length + 1 : axis;
    return [{ dtype: inputs[0]!.dtype, shape: inputs[0]!.shape.toSpliced(at, 0, inputs.length) }];
  },
  PadV2: ([x], { paddings }) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, i) => dim + paddings[i]![0] + paddings[i]![1]) },
  ],
  Pow: broadcast(),
  Prelu: broadcast('float32'),
  Prod: reduction(atLeastInt),
  Range: (_, { start, stop, step = 1, dtype }) => [
    { dtype: dtype ?? 'float32', shape: [rangeLength(start, stop, step)] },
  ],
  RealDiv: broadcast(),
  Reciprocal: sameAs,
  Relu: sameAs,
  Relu6: sameAs,
  Reshape: ([x], { shape }) => [
    { dtype: x!.dtype, shape: tf.util.inferFromImplicitShape(shape, tf.util.sizeFromShape([...x!.shape])) },
  ],
  ResizeBilinear: resized,
  ResizeBilinearGrad: ([, images]) => [images!],
  ResizeNearestNeighbor: (inputs, attrs) => [{ ...resized(inputs, attrs)[0]!, dtype: inputs[0]!.dtype }],
  ResizeNearestNeighborGrad: ([, images]) => [images!],
  Reverse: sameAs,
  Round: sameAs,
  Rsqrt: sameAs,
  ScatterNd: ([, updates], { shape }) => [{ dtype: updates!.dtype, shape }],
  Select: ([, t, e]) => [{ dtype: tf.upcastType(t!.dtype, e!.dtype) as DType, shape: t!.shape }],
  Selu: sameAs,
  Sigmoid: sameAs,
  Sign: sameAs,
  Sin: sameAs,
  Sinh: sameAs,
  Slice: ([x], { begin, size }) => [sliced(x!, begin, size)],
  Softmax: sameAs,
  Softplus: sameAs,
  SpaceToBatchND: ([x], { blockShape, paddings }) => {
    const [batch, ...rest] = x!.shape as [number, ...number[]];
    const blocks = blockShape.reduce((a, b) => a * b, 1);
    const spatial = rest.map((dim, i) =>
      i < blockShape.length ? (dim + paddings[i]![0]! + paddings[i]![1]!) / blockShape[i]! : dim,
    );
    return [{ dtype: x!.dtype, shape: [batch * blocks, ...spatial] }];
  },
  SplitV: ([x], attrs) => splitSizes(x!, attrs),
  Sqrt: sameAs,
  Square: sameAs,
  SquaredDifference: broadcast(),
  Step: sameAs,
  StridedSlice: ([x], attrs) => {
    const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs;
    const { finalShape } = tf.slice_util.sliceInfo(
      [...x!.shape],
      begin,
      end,
      strides,
      beginMask,
      endMask,
      ellipsisMask,
      newAxisMask,
      shrinkAxisMask,
    );
    return [{ dtype: x!.dtype, shape: finalShape }];
  },
  Sub: broadcast(),
  Sum: reduction(atLeastInt),
  Tan: sameAs,
  Tanh: sameAs,
  TensorScatterUpdate: sameAs,
  Tile: ([x], { reps }) => [{ dtype: x!.dtype, shape: x!.shape.map((dim, i) => dim * reps[i]!) }],
  TopK: ([x], { k }) => {
    const shape = x!.shape.with(-1, k);
    return [
      { dtype: x!.dtype, shape },
      { dtype: 'int32', shape },
    ];
  },
  Transpose: ([x], { perm }) => [{ dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) }],
  Unpack: ([value], { axis }) => {
    const at = axis < 0 ? axis + value!.shape.length : axis;
    const part = { dtype: value!.dtype, shape: value!.shape.toSpliced(at, 1) };
    return Array.from({ length: value!.shape[at]! }, () => part);
  },
  UnsortedSegmentSum: ([x], { numSegments }) => [
    { dtype: 'float32', shape: [numSegments, ...x!.shape.slice(1)] },
  ],
  ZerosLike: sameAs,
};
