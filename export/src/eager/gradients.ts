import type { tf } from '../../tfjs.mjs';
import { dilatedConvolutionGradient } from './dilated-gradient.ts';
import { mirrorPadGradient } from './mirror-gradient.ts';

type Saved = readonly tf.Tensor[];
type Gradient = (dy: tf.Tensor, saved: Saved, attrs: tf.NamedAttrMap) => Record<string, () => tf.Tensor>;

/**
 * Gradients that tfjs states wrongly, whatever the backend: a traced training step has them, too. They go by the name
 * of the kernel that they are the gradient of.
 */
function correctedGradients(tfjs: typeof tf): Readonly<Record<string, Gradient>> {
  /** Sums what was broadcast: a tensor of the shape that was spread. */
  const summedTo = (x: tf.Tensor, shape: readonly number[]) => {
    const missing = x.rank - shape.length;
    const axes = x.shape.flatMap((size, axis) => {
      const own = shape[axis - missing];
      return own === undefined || (own === 1 && size !== 1) ? [axis] : [];
    });
    return tfjs.reshape(axes.length === 0 ? x : tfjs.sum(x, axes), [...shape]);
  };
  return {
    // d/dx of sums along an axis: the sums of dy the other way. tfjs moves the result's axes afterwards.
    Cumsum: (dy, _, attrs) => {
      const { axis, exclusive, reverse } = attrs as unknown as tf.CumsumAttrs;
      return { x: () => tfjs.cumsum(dy, axis, exclusive, !reverse) };
    },

    // A quotient rounded down is constant between its steps; tfjs gives the slope of the one not rounded.
    FloorDiv: (_, saved) => {
      const [a, b] = saved as [tf.Tensor, tf.Tensor];
      return { a: () => tfjs.zerosLike(a), b: () => tfjs.zerosLike(b) };
    },

    // tfjs leaves out what flows to the margins.
    MirrorPad: (dy, _, attrs) => {
      const { paddings, mode } = attrs as unknown as tf.MirrorPadAttrs;
      return { x: () => mirrorPadGradient(tfjs, dy, paddings, mode) };
    },

    // tfjs leaves out the sum over the batch axes along which a factor was broadcast.
    BatchMatMul: (dy, saved, attrs) => {
      const [a, b] = saved as [tf.Tensor, tf.Tensor];
      const { transposeA, transposeB } = attrs as unknown as tf.BatchMatMulAttrs;
      const forA = () =>
        transposeA ? tfjs.matMul(b, dy, transposeB, true) : tfjs.matMul(dy, b, false, !transposeB);
      const forB = () =>
        transposeB ? tfjs.matMul(dy, a, true, transposeA) : tfjs.matMul(a, dy, !transposeA, false);
      return { a: () => summedTo(forA(), a.shape), b: () => summedTo(forB(), b.shape) };
    },

    // tfjs sums over the axes along which statistics were broadcast only for statistics of one axis.
    FusedBatchNorm: (dy, saved, attrs) => {
      const [x, mean, variance, scale] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor | undefined];
      const { varianceEpsilon } = attrs as unknown as tf.FusedBatchNormAttrs;
      const inverse = tfjs.rsqrt(tfjs.add(variance, varianceEpsilon));
      const scaled = scale == null ? dy : tfjs.mul(dy, scale);
      const centred = tfjs.sub(x, mean);
      return {
        x: () => tfjs.mul(scaled, inverse),
        mean: () => summedTo(tfjs.neg(tfjs.mul(scaled, inverse)), mean.shape),
        variance: () => {
          const cube = tfjs.mul(tfjs.mul(inverse, inverse), inverse);
          return summedTo(tfjs.mul(tfjs.mul(scaled, centred), tfjs.mul(cube, -0.5)), variance.shape);
        },
        scale: () => summedTo(tfjs.mul(dy, tfjs.mul(centred, inverse)), mean.shape),
        offset: () => summedTo(dy, mean.shape),
      };
    },

    ResizeBilinear: resizeGradient(tfjs, 'ResizeBilinear'),
    ResizeNearestNeighbor: resizeGradient(tfjs, 'ResizeNearestNeighbor'),

    // tfjs forgets how the output's size was rounded, and has no gradient where there is a dilation.
    Conv2D: (dy, saved, attrs) => {
      const [x, filter] = saved as [tf.Tensor4D, tf.Tensor4D];
      const settled = attrs as unknown as tf.Conv2DAttrs;
      const { strides, pad, dataFormat, dilations, dimRoundingMode } = settled;
      if ([dilations].flat().some((dilation) => dilation > 1)) {
        return dilatedConvolutionGradient(tfjs, dy as tf.Tensor4D, x, filter, settled);
      }
      const run = (kernel: string, inputs: tf.NamedTensorMap, shape: object) => {
        const settings = { strides, pad, dataFormat, dimRoundingMode, ...shape };
        return tfjs.engine().runKernel(kernel, inputs, settings as unknown as tf.NamedAttrMap) as tf.Tensor;
      };
      return {
        x: () => run('Conv2DBackpropInput', { dy, filter }, { inputShape: x.shape }),
        filter: () => run('Conv2DBackpropFilter', { x, dy }, { filterShape: filter.shape }),
      };
    },
  };
}

/** Backends of tfjs whose gradients of resizing leave out half-pixel centres; that of its CPU backend is corrected. */
const withoutHalfPixels = ['tensorflow', 'wasm', 'webgl', 'webgpu'];

/** As tfjs has it, but refused where it would be wrong. */
function resizeGradient(tfjs: typeof tf, kernel: 'ResizeBilinear' | 'ResizeNearestNeighbor'): Gradient {
  return (dy, saved, attrs) => {
    const [images] = saved as [tf.Tensor];
    const backend = tfjs.getBackend();
    if (attrs.halfPixelCenters && withoutHalfPixels.includes(backend)) {
      throw new Error(
        `the gradient of ${kernel} with half-pixel centres is wrong on TensorFlow.js's backend '${backend}': ` +
          "use the backend 'cpu', a traced program, or resize without half-pixel centres",
      );
    }
    return { images: () => tfjs.engine().runKernel(`${kernel}Grad`, { images, dy }, attrs) as tf.Tensor };
  };
}

/** Puts the corrected gradients in the places of tfjs's own. Calling it again changes nothing. */
export function correctGradients(tfjs: typeof tf): void {
  for (const [kernelName, gradFunc] of Object.entries(correctedGradients(tfjs))) {
    const original = tfjs.getGradient(kernelName);
    if (original === undefined || original === null) continue;
    tfjs.unregisterGradient(kernelName);
    tfjs.registerGradient({ ...original, gradFunc: gradFunc as tf.GradFunc });
  }
}
