import { tf } from '../tf.ts';
import { composite, type KernelInputs, run } from './composite.ts';
import { type AxisWindow, cellsUnder, paddingAfter, spreadBack } from './depth-window.ts';

type Shape5 = [number, number, number, number, number];
interface ConvolutionAttrs {
  readonly strides: [number, number, number] | number;
  readonly pad: 'valid' | 'same' | number;
  readonly dilations?: [number, number, number] | number;
  readonly dataFormat?: string;
}
interface PoolingAttrs extends Omit<ConvolutionAttrs, 'dataFormat'> {
  readonly filterSize: [number, number, number] | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * Convolutions, poolings and their gradients in three dimensions, NDHWC, as their two-dimensional kin over rows and
 * columns and sums over the depth: ONNX's own, of rank 5, are missing or wrong on some devices.
 */
export const volumeComposites: Record<string, tf.KernelFunc> = {
  Conv3D: composite(({ x, filter }, attrs: tf.Conv3DAttrs) => {
    const plan = convolution(shape5(x), shape5(filter), attrs);
    const images = depthInChannels(x!, plan);
    const y = run('Conv2D', { x: images, filter: flatFilter(filter!) }, plan.planar);
    return tf.reshape(y, [x!.shape[0]!, plan.depth.output, ...y.shape.slice(1)]);
  }),

  Conv3DBackpropInputV2: composite(({ dy, filter }, attrs: tf.Conv3DBackpropInputV2Attrs) => {
    const [batch, depth, rows, columns, channels] = attrs.inputShape;
    const plan = convolution(attrs.inputShape, shape5(filter), attrs, shape5(dy));
    const taps = plan.depth.filter;
    const gradient = run(
      'Conv2DBackpropInput',
      { dy: imagesOf(dy!), filter: flatFilter(filter!) },
      { ...plan.planar, inputShape: [batch * plan.depth.output, rows, columns, taps * channels] },
    );
    const parts = tf.split(gradient, taps, 3).map((part) => depthSecond(part, batch, plan.depth.output));
    return tf.reshape(spreadBack(parts, plan.depth), [batch, depth, rows, columns, channels]);
  }),

  Conv3DBackpropFilterV2: composite(({ x, dy }, attrs: tf.Conv3DBackpropFilterV2Attrs) => {
    const [taps, rows, columns, channels, outputs] = attrs.filterShape;
    const plan = convolution(shape5(x), attrs.filterShape, attrs, shape5(dy));
    const gradient = run(
      'Conv2DBackpropFilter',
      { x: depthInChannels(x!, plan), dy: imagesOf(dy!) },
      { ...plan.planar, filterShape: [rows, columns, taps * channels, outputs] },
    );
    return tf.transpose(tf.reshape(gradient, [rows, columns, taps, channels, outputs]), [2, 0, 1, 3, 4]);
  }),

  AvgPool3D: composite(({ x }, attrs: PoolingAttrs) => {
    const plan = pooling(shape5(x), attrs);
    const y = run('AvgPool', { x: imagesOf(x!) }, plan.planar);
    const { depth } = plan;
    const sums = cellsUnder(depthSecond(y, x!.shape[0]!, depth.input), depth, 0).reduce((a, b) =>
      tf.add(a, b),
    );
    // As in two dimensions, padding is not counted.
    const mean = tf.mul(sums, overCellsInside(depth));
    return tf.reshape(mean, [x!.shape[0]!, depth.output, ...y.shape.slice(1)]);
  }),

  // Every window spreads its dy evenly over those of its cells that lie in the volume, as in two dimensions.
  AvgPool3DGrad: composite(({ dy, input }, attrs: PoolingAttrs) => {
    const plan = pooling(shape5(input), attrs, shape5(dy));
    const { depth } = plan;
    const [batch, , ...rest] = dy!.shape as Shape5;
    const share = tf.mul(depthSecond(imagesOf(dy!), batch, depth.output), overCellsInside(depth));
    const each = Array.from({ length: depth.filter }, () => share);
    const flat = tf.reshape(spreadBack(each, depth), [batch * depth.input, ...rest]);
    return tf.reshape(
      run('AvgPoolGrad', { dy: flat, input: imagesOf(input!) }, plan.planar),
      input!.shape as Shape5,
    );
  }),

  MaxPool3D: composite(({ x }, attrs: PoolingAttrs) => {
    const plan = pooling(shape5(x), attrs);
    const { flat, cells } = maximaBySlice(x!, plan);
    const y = cells.reduce((a, b) => tf.maximum(a, b));
    return tf.reshape(y, [x!.shape[0]!, plan.depth.output, ...flat.shape.slice(1)]);
  }),

  // The gradient goes to the first maximum of a window in row-major order, as in two dimensions.
  MaxPool3DGrad: composite(({ dy, input, output }: KernelInputs, attrs: PoolingAttrs) => {
    const plan = pooling(shape5(input), attrs, shape5(dy));
    const { depth } = plan;
    const [batch, , ...rest] = dy!.shape as Shape5;
    const { flat, cells } = maximaBySlice(input!, plan);
    const y = depthSecond(imagesOf(output!), batch, depth.output);
    let remaining = depthSecond(imagesOf(dy!), batch, depth.output);
    const shares = cells.map((cell) => {
      const isMaximum = tf.equal(cell, y);
      const share = tf.where(isMaximum, remaining, tf.zerosLike(remaining));
      remaining = tf.where(isMaximum, tf.zerosLike(remaining), remaining);
      return share;
    });
    const bySlice = tf.reshape(spreadBack(shares, depth), [batch * depth.input, ...rest]);
    const dx = run('MaxPoolGrad', { dy: bySlice, input: imagesOf(input!), output: flat }, plan.planar);
    return tf.reshape(dx, input!.shape as Shape5);
  }),
};

/** One over how many slices each window along the depth covers, [1, windows, 1]. */
function overCellsInside(depth: AxisWindow): tf.Tensor {
  const counts = Array.from({ length: depth.output }, (_, o) => 1 / cellsInside(depth, o));
  return tf.tensor(counts, [1, depth.output, 1]);
}

/** The window along the depth, and what the kernels over rows and columns take. */
interface Plan {
  readonly depth: AxisWindow;
  readonly planar: object;
}

const shape5 = (x: tf.Tensor | undefined) => x!.shape as Shape5;

/** [batch, depth, rows, columns, channels] as [batch * depth, rows, columns, channels]. */
function imagesOf(x: tf.Tensor): tf.Tensor4D {
  const [batch, depth, rows, columns, channels] = shape5(x);
  return tf.reshape(x, [batch * depth, rows, columns, channels]);
}

/** [batch * depth, rows, columns, channels] as [batch, depth, rows * columns * channels]. */
function depthSecond(images: tf.Tensor, batch: number, depth: number): tf.Tensor {
  const [, ...rest] = images.shape;
  return tf.reshape(images, [batch, depth, rest.reduce((a, b) => a * b, 1)]);
}

/** For each position along the depth the slices under the window, side by side in the channels. */
function depthInChannels(x: tf.Tensor, { depth }: Plan): tf.Tensor {
  const [batch, , rows, columns, channels] = shape5(x);
  const slices = cellsUnder(depthSecond(imagesOf(x), batch, depth.input), depth, 0);
  const images = slices.map((slice) => tf.reshape(slice, [batch * depth.output, rows, columns, channels]));
  return images.length === 1 ? images[0]! : tf.concat(images, 3);
}

/** [depth, rows, columns, in, out] as [rows, columns, depth * in, out]. */
function flatFilter(filter: tf.Tensor): tf.Tensor {
  const [taps, rows, columns, channels, outputs] = shape5(filter);
  return tf.reshape(tf.transpose(filter, [1, 2, 0, 3, 4]), [rows, columns, taps * channels, outputs]);
}

/** The maxima within each slice, and those under each cell of the window along the depth. */
function maximaBySlice(x: tf.Tensor, { depth, planar }: Plan): { flat: tf.Tensor; cells: tf.Tensor[] } {
  const flat = run('MaxPool', { x: imagesOf(x) }, planar);
  const least = x.dtype === 'float32' ? -Infinity : -(2 ** 31);
  return { flat, cells: cellsUnder(depthSecond(flat, x.shape[0]!, depth.input), depth, least) };
}

/** How many cells of the window at a position are not padding. */
function cellsInside({ input, filter, stride, dilation, before }: AxisWindow, position: number): number {
  const cells = Array.from({ length: filter }, (_, k) => position * stride + k * dilation - before);
  return cells.filter((cell) => cell >= 0 && cell < input).length;
}

type VolumeInfo = ReturnType<typeof tf.backend_util.computeConv3DInfo>;

function convolution(x: Shape5, filter: Shape5, attrs: ConvolutionAttrs, output?: Shape5): Plan {
  const { strides, dilations = 1, pad } = attrs;
  return planOf(tf.backend_util.computeConv3DInfo(x, filter, strides, dilations, pad), output);
}

/** @param output the shape of the result, for gradients: tfjs passes them no rounding mode */
function pooling(x: Shape5, attrs: PoolingAttrs, output?: Shape5): Plan {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = tf.backend_util.computePool3DInfo(x, filterSize, strides, 1, pad, dimRoundingMode);
  const plan = planOf(info, output);
  return { ...plan, planar: { ...plan.planar, filterSize: [info.filterHeight, info.filterWidth] } };
}

function planOf(info: VolumeInfo, output?: Shape5): Plan {
  const rows: AxisWindow = {
    input: info.inHeight,
    output: output?.[2] ?? info.outHeight,
    filter: info.filterHeight,
    stride: info.strideHeight,
    dilation: info.dilationHeight,
    before: info.padInfo.top,
  };
  const columns: AxisWindow = {
    input: info.inWidth,
    output: output?.[3] ?? info.outWidth,
    filter: info.filterWidth,
    stride: info.strideWidth,
    dilation: info.dilationWidth,
    before: info.padInfo.left,
  };
  return {
    depth: {
      input: info.inDepth,
      output: output?.[1] ?? info.outDepth,
      filter: info.filterDepth,
      stride: info.strideDepth,
      dilation: info.dilationDepth,
      before: info.padInfo.front,
    },
    planar: {
      strides: [rows.stride, columns.stride],
      dilations: [rows.dilation, columns.dilation],
      pad: [
        [0, 0],
        [rows.before, paddingAfter(rows)],
        [columns.before, paddingAfter(columns)],
        [0, 0],
      ],
      dataFormat: 'NHWC',
    },
  };
}
