import type { DType } from '@generatrix/runtime/core';
import type * as tf from '@tensorflow/tfjs-core';

/** Kernels that take no attributes. */
export type NoAttrs = Readonly<Record<string, never>>;
interface CastAttrs {
  readonly dtype: DType;
}
interface FillAttrs {
  readonly shape: number[];
  readonly value: number;
  readonly dtype: DType;
}
interface OneHotAttrs {
  readonly depth: number;
  readonly onValue: number;
  readonly offValue: number;
  readonly dtype: DType;
}
interface RangeAttrs {
  readonly start: number;
  readonly stop: number;
  readonly step?: number;
  readonly dtype: DType;
}

/**
 * Every tfjs kernel that can be traced, with the type of its attributes. This is the union that the tables of
 * shape rules, ONNX lowerings and GraphModel lowerings are keyed by: a kernel without a rule does not compile.
 */
export interface KernelAttrs {
  Abs: NoAttrs;
  Acos: NoAttrs;
  Acosh: NoAttrs;
  Add: NoAttrs;
  AddN: NoAttrs;
  All: tf.AllAttrs;
  Any: tf.AnyAttrs;
  ArgMax: tf.ArgMaxAttrs;
  ArgMin: tf.ArgMinAttrs;
  Asin: NoAttrs;
  Asinh: NoAttrs;
  Atan: NoAttrs;
  Atan2: NoAttrs;
  Atanh: NoAttrs;
  AvgPool: tf.AvgPoolAttrs;
  AvgPoolGrad: tf.AvgPoolGradAttrs;
  BatchMatMul: tf.BatchMatMulAttrs;
  BatchToSpaceND: tf.BatchToSpaceNDAttrs;
  BroadcastTo: tf.BroadCastToAttrs;
  Cast: CastAttrs;
  Ceil: NoAttrs;
  ClipByValue: tf.ClipByValueAttrs;
  Concat: tf.ConcatAttrs;
  Conv2D: tf.Conv2DAttrs;
  Conv2DBackpropFilter: tf.Conv2DBackpropFilterAttrs;
  Conv2DBackpropInput: tf.Conv2DBackpropInputAttrs;
  Cos: NoAttrs;
  Cosh: NoAttrs;
  Cumprod: tf.CumprodAttrs;
  Cumsum: tf.CumsumAttrs;
  DepthToSpace: tf.DepthToSpaceAttrs;
  DepthwiseConv2dNative: tf.DepthwiseConv2dNativeAttrs;
  DepthwiseConv2dNativeBackpropFilter: tf.DepthwiseConv2dNativeBackpropFilterAttrs;
  DepthwiseConv2dNativeBackpropInput: tf.DepthwiseConv2dNativeBackpropInputAttrs;
  Einsum: tf.EinsumAttrs;
  Elu: NoAttrs;
  EluGrad: NoAttrs;
  Equal: NoAttrs;
  Erf: NoAttrs;
  Exp: NoAttrs;
  ExpandDims: tf.ExpandDimsAttrs;
  Expm1: NoAttrs;
  Fill: FillAttrs;
  Floor: NoAttrs;
  FloorDiv: NoAttrs;
  FusedBatchNorm: tf.FusedBatchNormAttrs;
  GatherNd: NoAttrs;
  GatherV2: tf.GatherV2Attrs;
  Greater: NoAttrs;
  GreaterEqual: NoAttrs;
  Identity: NoAttrs;
  IsFinite: NoAttrs;
  IsInf: NoAttrs;
  IsNan: NoAttrs;
  LRN: tf.LRNAttrs;
  LRNGrad: tf.LRNGradAttrs;
  LeakyRelu: tf.LeakyReluAttrs;
  Less: NoAttrs;
  LessEqual: NoAttrs;
  LinSpace: tf.LinSpaceAttrs;
  Log: NoAttrs;
  Log1p: NoAttrs;
  LogSoftmax: tf.LogSoftmaxAttrs;
  LogicalAnd: NoAttrs;
  LogicalNot: NoAttrs;
  LogicalOr: NoAttrs;
  Max: tf.MaxAttrs;
  MaxPool: tf.MaxPoolAttrs;
  MaxPoolGrad: tf.MaxPoolGradAttrs;
  Maximum: NoAttrs;
  Mean: tf.MeanAttrs;
  Min: tf.MinAttrs;
  Minimum: NoAttrs;
  MirrorPad: tf.MirrorPadAttrs;
  Mod: NoAttrs;
  Multiply: NoAttrs;
  Neg: NoAttrs;
  NotEqual: NoAttrs;
  OneHot: OneHotAttrs;
  OnesLike: NoAttrs;
  Pack: tf.PackAttrs;
  PadV2: tf.PadV2Attrs;
  Pow: NoAttrs;
  Prelu: NoAttrs;
  Prod: tf.ProdAttrs;
  Range: RangeAttrs;
  RealDiv: NoAttrs;
  Reciprocal: NoAttrs;
  Relu: NoAttrs;
  Relu6: NoAttrs;
  Reshape: tf.ReshapeAttrs;
  ResizeBilinear: tf.ResizeBilinearAttrs;
  ResizeBilinearGrad: tf.ResizeBilinearGradAttrs;
  ResizeNearestNeighbor: tf.ResizeNearestNeighborAttrs;
  ResizeNearestNeighborGrad: tf.ResizeNearestNeighborGradAttrs;
  Reverse: tf.ReverseAttrs;
  Round: NoAttrs;
  Rsqrt: NoAttrs;
  ScatterNd: tf.ScatterNdAttrs;
  Select: NoAttrs;
  Selu: NoAttrs;
  Sigmoid: NoAttrs;
  Sign: NoAttrs;
  Sin: NoAttrs;
  Sinh: NoAttrs;
  Slice: tf.SliceAttrs;
  Softmax: tf.SoftmaxAttrs;
  Softplus: NoAttrs;
  SpaceToBatchND: tf.SpaceToBatchNDAttrs;
  SplitV: tf.SplitVAttrs;
  Sqrt: NoAttrs;
  Square: NoAttrs;
  SquaredDifference: NoAttrs;
  Step: tf.StepAttrs;
  StridedSlice: tf.StridedSliceAttrs;
  Sub: NoAttrs;
  Sum: tf.SumAttrs;
  Tan: NoAttrs;
  Tanh: NoAttrs;
  TensorScatterUpdate: NoAttrs;
  Tile: tf.TileAttrs;
  TopK: tf.TopKAttrs;
  Transpose: tf.TransposeAttrs;
  Unpack: tf.UnpackAttrs;
  UnsortedSegmentSum: tf.UnsortedSegmentSumAttrs;
  ZerosLike: NoAttrs;
}

export type KernelName = keyof KernelAttrs;

/**
 * The names of each kernel's tensor inputs, in the order in which a graph node holds them; `variadic` kernels
 * take a list. Kernels with optional inputs are completed or decomposed by the tracer, so all are present.
 */
export const kernelInputNames = {
  Abs: ['x'],
  Acos: ['x'],
  Acosh: ['x'],
  Add: ['a', 'b'],
  AddN: 'variadic',
  All: ['x'],
  Any: ['x'],
  ArgMax: ['x'],
  ArgMin: ['x'],
  Asin: ['x'],
  Asinh: ['x'],
  Atan: ['x'],
  Atan2: ['a', 'b'],
  Atanh: ['x'],
  AvgPool: ['x'],
  AvgPoolGrad: ['dy', 'input'],
  BatchMatMul: ['a', 'b'],
  BatchToSpaceND: ['x'],
  BroadcastTo: ['x'],
  Cast: ['x'],
  Ceil: ['x'],
  ClipByValue: ['x'],
  Concat: 'variadic',
  Conv2D: ['x', 'filter'],
  Conv2DBackpropFilter: ['x', 'dy'],
  Conv2DBackpropInput: ['dy', 'filter'],
  Cos: ['x'],
  Cosh: ['x'],
  Cumprod: ['x'],
  Cumsum: ['x'],
  DepthToSpace: ['x'],
  DepthwiseConv2dNative: ['x', 'filter'],
  DepthwiseConv2dNativeBackpropFilter: ['x', 'dy'],
  DepthwiseConv2dNativeBackpropInput: ['dy', 'filter'],
  Einsum: 'variadic',
  Elu: ['x'],
  EluGrad: ['dy', 'y'],
  Equal: ['a', 'b'],
  Erf: ['x'],
  Exp: ['x'],
  ExpandDims: ['input'],
  Expm1: ['x'],
  Fill: [],
  Floor: ['x'],
  FloorDiv: ['a', 'b'],
  FusedBatchNorm: ['x', 'mean', 'variance', 'offset', 'scale'],
  GatherNd: ['params', 'indices'],
  GatherV2: ['x', 'indices'],
  Greater: ['a', 'b'],
  GreaterEqual: ['a', 'b'],
  Identity: ['x'],
  IsFinite: ['x'],
  IsInf: ['x'],
  IsNan: ['x'],
  LRN: ['x'],
  LRNGrad: ['x', 'y', 'dy'],
  LeakyRelu: ['x'],
  Less: ['a', 'b'],
  LessEqual: ['a', 'b'],
  LinSpace: [],
  Log: ['x'],
  Log1p: ['x'],
  LogSoftmax: ['logits'],
  LogicalAnd: ['a', 'b'],
  LogicalNot: ['x'],
  LogicalOr: ['a', 'b'],
  Max: ['x'],
  MaxPool: ['x'],
  MaxPoolGrad: ['dy', 'input', 'output'],
  Maximum: ['a', 'b'],
  Mean: ['x'],
  Min: ['x'],
  Minimum: ['a', 'b'],
  MirrorPad: ['x'],
  Mod: ['a', 'b'],
  Multiply: ['a', 'b'],
  Neg: ['x'],
  NotEqual: ['a', 'b'],
  OneHot: ['indices'],
  OnesLike: ['x'],
  Pack: 'variadic',
  PadV2: ['x'],
  Pow: ['a', 'b'],
  Prelu: ['x', 'alpha'],
  Prod: ['x'],
  Range: [],
  RealDiv: ['a', 'b'],
  Reciprocal: ['x'],
  Relu: ['x'],
  Relu6: ['x'],
  Reshape: ['x'],
  ResizeBilinear: ['images'],
  ResizeBilinearGrad: ['dy', 'images'],
  ResizeNearestNeighbor: ['images'],
  ResizeNearestNeighborGrad: ['dy', 'images'],
  Reverse: ['x'],
  Round: ['x'],
  Rsqrt: ['x'],
  ScatterNd: ['indices', 'updates'],
  Select: ['condition', 't', 'e'],
  Selu: ['x'],
  Sigmoid: ['x'],
  Sign: ['x'],
  Sin: ['x'],
  Sinh: ['x'],
  Slice: ['x'],
  Softmax: ['logits'],
  Softplus: ['x'],
  SpaceToBatchND: ['x'],
  SplitV: ['x'],
  Sqrt: ['x'],
  Square: ['x'],
  SquaredDifference: ['a', 'b'],
  Step: ['x'],
  StridedSlice: ['x'],
  Sub: ['a', 'b'],
  Sum: ['x'],
  Tan: ['x'],
  Tanh: ['x'],
  TensorScatterUpdate: ['tensor', 'indices', 'updates'],
  Tile: ['x'],
  TopK: ['x'],
  Transpose: ['x'],
  Unpack: ['value'],
  UnsortedSegmentSum: ['x', 'segmentIds'],
  ZerosLike: ['x'],
} as const satisfies Record<KernelName, readonly string[] | 'variadic'>;
