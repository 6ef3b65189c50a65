import { tf } from '@generatrix/export';

type Kernel = (call: {
  inputs: tf.NamedTensorMap;
  attrs: tf.NamedAttrMap;
  backend: unknown;
}) => tf.TensorInfo | tf.TensorInfo[];
type Call = Parameters<Kernel>[0];

/** Zeros before and after along each axis; a negative number cuts as much off. */
type Border = readonly (readonly [before: number, after: number])[];

interface ConvolutionAttrs {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dilations?: number | [number, number];
  readonly dataFormat?: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  /** Of the image, for the kernel that finds its gradient. */
  readonly inputShape?: [number, number, number, number];
  /** Of the filter, for the kernel that finds its gradient. */
  readonly filterShape?: [number, number, number, number];
}

/** The call for an image in a border of zeros, as a call without padding. */
type Rewrite = (kernel: Kernel, call: Call, border: Border) => tf.Tensor;

/** Forward kernels and the filter's gradient read the image with its border. */
const reading: Rewrite = (kernel, call, border) => {
  const x = framed(call.inputs.x!, border);
  const result = kernel({ ...call, inputs: { ...call.inputs, x }, attrs: { ...call.attrs, pad: 'valid' } });
  tf.dispose(x);
  return tensorOf(result);
};

/** The gradient of an image is cut out of that of the image with its border. */
const cutting: Rewrite = (kernel, call, border) => {
  const inputShape = (call.attrs.inputShape as number[]).map(
    (size, axis) => size + border[axis]![0] + border[axis]![1],
  );
  const whole = tensorOf(kernel({ ...call, attrs: { ...call.attrs, pad: 'valid', inputShape } }));
  const result = framed(
    whole,
    border.map(([before, after]) => [-before, -after]),
  );
  tf.dispose(whole);
  return result;
};

const rewrites: Readonly<Record<string, Rewrite>> = {
  Conv2D: reading,
  Conv2DBackpropFilter: reading,
  Conv2DBackpropInput: cutting,
  DepthwiseConv2dNative: reading,
  DepthwiseConv2dNativeBackpropFilter: reading,
  DepthwiseConv2dNativeBackpropInput: cutting,
};

const mended = new WeakSet<tf.KernelConfig['kernelFunc']>();

/**
 * Lets the convolutions of a backend that knows the paddings 'valid' and 'same' alone take any, with the results of
 * tfjs's own backends. tfjs-node 4.22 is such a one: its gradients refuse a padding given in numbers (which the
 * masked windows of PixelCNN have) or pass it on without the numbers, and its forward kernels refuse a single number.
 * A second call changes nothing.
 */
export function mendConvolutions(backendName: string): void {
  for (const [kernelName, rewrite] of Object.entries(rewrites)) {
    const registered = tf.getKernel(kernelName, backendName);
    if (mended.has(registered.kernelFunc)) continue;
    const original = registered.kernelFunc as unknown as Kernel;
    const depthwise = kernelName.startsWith('Depthwise');
    const kernelFunc = ((call: Call) => {
      const border = borderOf(call, depthwise);
      return border === null ? original(call) : rewrite(original, call, border);
    }) as unknown as tf.KernelConfig['kernelFunc'];
    mended.add(kernelFunc);
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({ ...registered, kernelFunc });
  }
}

/**
 * The border with which a convolution without padding has as many outputs as tfjs says, or null where the padding is
 * a word. tfjs rounds the number of outputs as asked, and takes the window's height for its width, so that what lies
 * after the image may be more or less than the padding.
 */
function borderOf({ inputs, attrs }: Call, depthwise: boolean): Border | null {
  const { strides, pad, dilations = 1, dataFormat, ...given } = attrs as unknown as ConvolutionAttrs;
  if (typeof pad === 'string') return null;
  const inputShape = given.inputShape ?? (inputs.x!.shape as [number, number, number, number]);
  const filterShape = given.filterShape ?? (inputs.filter!.shape as [number, number, number, number]);
  const format = dataFormat === 'NCHW' ? 'channelsFirst' : 'channelsLast';
  const info = tf.backend_util.computeConv2DInfo(
    inputShape,
    filterShape,
    strides,
    dilations,
    pad,
    given.dimRoundingMode,
    depthwise,
    format,
  );
  const { top, left } = info.padInfo;
  const bottom = (info.outHeight - 1) * info.strideHeight + info.effectiveFilterHeight - info.inHeight - top;
  const right = (info.outWidth - 1) * info.strideWidth + info.effectiveFilterWidth - info.inWidth - left;
  const none = [0, 0] as const;
  const spatial = [[top, bottom] as const, [left, right] as const];
  return format === 'channelsFirst' ? [none, none, ...spatial] : [none, ...spatial, none];
}

/** The tensor with zeros around it, or less of it where the border is negative. */
function framed(x: tf.Tensor, border: Border): tf.Tensor {
  return tf.tidy(() => {
    const positive = border.map(([before, after]): [number, number] => [
      Math.max(0, before),
      Math.max(0, after),
    ]);
    const padded = tf.pad(x, positive);
    const begin = border.map(([before]) => Math.max(0, -before));
    const size = x.shape.map((length, axis) => length + border[axis]![0] + border[axis]![1]);
    return tf.slice(padded, begin, size);
  });
}

function tensorOf(result: tf.TensorInfo | tf.TensorInfo[]): tf.Tensor {
  const info = Array.isArray(result) ? result[0]! : result;
  return info instanceof tf.Tensor ? info : tf.engine().makeTensorFromTensorInfo(info);
}
