import { describe, expect, test } from 'vitest';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './conformance.ts';

type Shape4 = [number, number, number, number];
type Pad = tf.Conv2DAttrs['pad'];
interface Case {
  readonly name: string;
  readonly x: Shape4;
  readonly filter: Shape4;
  readonly strides: [number, number];
  readonly pad: Pad;
  readonly dilations?: [number, number];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dataFormat?: 'NHWC' | 'NCHW';
}

// Sums of up to 300 products of standard normals in float32, in another order than tfjs: an error of 1e-6 of the
// sum's typical size (about 15) is expected, 2e-5 is a margin that any wrong term exceeds by far.
const tolerance = 2e-5;

const explicit: Pad = [
  [0, 0],
  [2, 1],
  [0, 3],
  [0, 0],
];

const cases: Case[] = [
  { name: 'same', x: [2, 5, 6, 3], filter: [3, 3, 3, 4], strides: [1, 1], pad: 'same' },
  { name: 'valid, batch 1', x: [1, 5, 5, 2], filter: [2, 3, 2, 1], strides: [1, 1], pad: 'valid' },
  { name: 'same, even filter', x: [2, 5, 5, 2], filter: [4, 2, 2, 3], strides: [1, 1], pad: 'same' },
  { name: 'strided same is asymmetric', x: [2, 6, 8, 2], filter: [3, 3, 2, 3], strides: [2, 2], pad: 'same' },
  { name: 'strided same, odd size', x: [2, 7, 5, 2], filter: [5, 5, 2, 3], strides: [2, 2], pad: 'same' },
  {
    name: 'strided valid leaves cells unread',
    x: [2, 8, 9, 2],
    filter: [3, 3, 2, 3],
    strides: [2, 3],
    pad: 'valid',
  },
  {
    name: 'filter smaller than the stride',
    x: [2, 8, 7, 2],
    filter: [1, 2, 2, 3],
    strides: [3, 3],
    pad: 'same',
  },
  { name: 'uneven strides', x: [2, 9, 4, 2], filter: [3, 2, 2, 3], strides: [3, 1], pad: 'valid' },
  { name: '1 x 1', x: [3, 4, 4, 3], filter: [1, 1, 3, 5], strides: [1, 1], pad: 'same' },
  { name: 'one pixel', x: [2, 1, 1, 3], filter: [3, 3, 3, 2], strides: [1, 1], pad: 'same' },
  { name: 'one row', x: [2, 1, 9, 1], filter: [1, 4, 1, 2], strides: [1, 2], pad: 'same' },
  {
    name: 'numeric padding',
    x: [2, 5, 5, 2],
    filter: [3, 3, 2, 3],
    strides: [2, 2],
    pad: 2,
    dimRoundingMode: 'floor',
  },
  { name: 'padding beyond the filter', x: [1, 3, 3, 2], filter: [2, 2, 2, 2], strides: [1, 1], pad: 3 },
  { name: 'explicit padding', x: [2, 5, 6, 2], filter: [3, 3, 2, 3], strides: [2, 2], pad: explicit },
  // tfjs sizes the output's width by the filter's height when the padding is a number.
  { name: 'numeric padding, wide filter', x: [2, 6, 9, 2], filter: [4, 2, 2, 3], strides: [1, 1], pad: 1 },
  { name: 'numeric padding, tall filter', x: [2, 9, 6, 2], filter: [2, 4, 2, 3], strides: [1, 1], pad: 1 },
  {
    name: 'rounded up',
    x: [2, 6, 6, 2],
    filter: [3, 3, 2, 3],
    strides: [2, 2],
    pad: 0,
    dimRoundingMode: 'ceil',
  },
  { name: 'dilated', x: [2, 8, 9, 2], filter: [3, 2, 2, 3], strides: [1, 1], pad: 'same', dilations: [2, 3] },
  // From here on as many channels as filter cells or more: the filter gradient takes its other form.
  { name: 'same, many channels', x: [2, 5, 6, 10], filter: [3, 3, 10, 4], strides: [1, 1], pad: 'same' },
  {
    name: 'strided same, many channels',
    x: [2, 7, 6, 9],
    filter: [3, 3, 9, 2],
    strides: [2, 2],
    pad: 'same',
  },
  {
    name: 'strided valid, many channels',
    x: [2, 8, 9, 6],
    filter: [3, 2, 6, 3],
    strides: [2, 3],
    pad: 'valid',
  },
  {
    name: 'explicit padding, many channels',
    x: [2, 5, 6, 4],
    filter: [2, 2, 4, 3],
    strides: [2, 2],
    pad: explicit,
  },
  { name: '1 x 1, strided', x: [2, 5, 6, 2], filter: [1, 1, 2, 3], strides: [2, 3], pad: 'valid' },
  { name: '1 x 1, padded', x: [2, 3, 3, 2], filter: [1, 1, 2, 3], strides: [1, 1], pad: 1 },
  { name: 'one row, many channels', x: [2, 1, 9, 4], filter: [1, 2, 4, 3], strides: [1, 1], pad: 'same' },
  { name: 'NCHW', x: [2, 3, 6, 5], filter: [3, 3, 3, 2], strides: [2, 1], pad: 'same', dataFormat: 'NCHW' },
];

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });

describe.each(cases)('convolution, $name', (c) => {
  const attrs = {
    strides: c.strides,
    pad: c.pad,
    dilations: c.dilations ?? [1, 1],
    dataFormat: c.dataFormat ?? 'NHWC',
    dimRoundingMode: c.dimRoundingMode,
  };
  const x = noise(c.x, 1);
  const filter = noise(c.filter, 2);
  const y = kernel('Conv2D', { x, filter }, attrs);
  const dy = noise(y.shape, 3);

  test('forward', async () => {
    await expectSameInOnnx(
      (t) => ({ y: kernel('Conv2D', { x: t.x!, filter: t.filter! }, attrs) }),
      { x, filter },
      { tolerance },
    );
  });

  // tfjs has no gradient of a dilated convolution.
  if (c.dilations) return;

  test('input gradient', async () => {
    const run = (t: Record<string, tf.Tensor>) =>
      kernel('Conv2DBackpropInput', { dy: t.dy!, filter: t.filter! }, { ...attrs, inputShape: c.x });
    await expectSameInOnnx((t) => ({ dx: run(t) }), { dy, filter }, { tolerance });
  });

  test('filter gradient', async () => {
    const run = (t: Record<string, tf.Tensor>) =>
      kernel('Conv2DBackpropFilter', { x: t.x!, dy: t.dy! }, { ...attrs, filterShape: c.filter });
    await expectSameInOnnx((t) => ({ dw: run(t) }), { x, dy }, { tolerance });
  });
});

test.each([2, 9])(
  'the gradient of a rounded-up convolution of %i channels, which tfjs gets wrong, is that of the padded one',
  async (channels) => {
    const x = noise([2, 6, 6, channels], 1);
    // Scaled so that the output, which multiplies the gradient, is of order 1.
    const filter = tf.div(noise([3, 3, channels, 3], 2), 3 * Math.sqrt(channels));
    const gradientOf = (convolve: (image: tf.Tensor4D, w: tf.Tensor4D) => tf.Tensor) => {
      const gradient = tf.grads((a: tf.Tensor, w: tf.Tensor) =>
        convolve(a as tf.Tensor4D, w as tf.Tensor4D)
          .square()
          .sum(),
      );
      return (t: Record<string, tf.Tensor>) => {
        const [dx, dw] = gradient([t.x!, t.filter!]) as [tf.Tensor, tf.Tensor];
        return { dx, dw };
      };
    };
    const rounded = gradientOf((image, w) => tf.conv2d(image, w, 2, 0, 'NHWC', 1, 'ceil'));
    const end: [number, number] = [0, 1];
    const padded = gradientOf((image, w) =>
      tf.conv2d(tf.pad(image, [[0, 0], end, end, [0, 0]]), w, 2, 'valid'),
    );
    await expectSameInOnnx(rounded, { x, filter }, { tolerance, reference: padded });
  },
);

const depthwiseCases: Case[] = [
  { name: 'same', x: [2, 5, 6, 3], filter: [3, 3, 3, 1], strides: [1, 1], pad: 'same' },
  { name: 'multiplier 2', x: [2, 6, 5, 3], filter: [3, 2, 3, 2], strides: [1, 1], pad: 'same' },
  { name: 'strided, multiplier 3', x: [3, 7, 6, 2], filter: [3, 3, 2, 3], strides: [2, 2], pad: 'same' },
  { name: 'strided valid', x: [2, 8, 8, 2], filter: [3, 3, 2, 2], strides: [2, 2], pad: 'valid' },
  { name: 'one channel', x: [2, 5, 5, 1], filter: [2, 2, 1, 2], strides: [1, 1], pad: 'valid' },
  { name: 'explicit padding', x: [1, 5, 6, 2], filter: [3, 3, 2, 2], strides: [2, 2], pad: explicit },
  { name: 'dilated', x: [2, 8, 9, 2], filter: [3, 2, 2, 2], strides: [1, 1], pad: 'same', dilations: [2, 3] },
];

describe.each(depthwiseCases)('depthwise convolution, $name', (c) => {
  const attrs = {
    strides: c.strides,
    pad: c.pad,
    dilations: c.dilations ?? [1, 1],
    dimRoundingMode: c.dimRoundingMode,
  };
  const x = noise(c.x, 4);
  const filter = noise(c.filter, 5);
  const y = kernel('DepthwiseConv2dNative', { x, filter }, attrs);
  const dy = noise(y.shape, 6);

  test('forward', async () => {
    const run = (t: Record<string, tf.Tensor>) =>
      kernel('DepthwiseConv2dNative', { x: t.x!, filter: t.filter! }, attrs);
    await expectSameInOnnx((t) => ({ y: run(t) }), { x, filter }, { tolerance });
  });

  // tfjs has no gradient of a dilated convolution.
  if (c.dilations) return;

  test('input gradient', async () => {
    const name = 'DepthwiseConv2dNativeBackpropInput';
    const run = (t: Record<string, tf.Tensor>) =>
      kernel(name, { dy: t.dy!, filter: t.filter! }, { ...attrs, inputShape: c.x });
    await expectSameInOnnx((t) => ({ dx: run(t) }), { dy, filter }, { tolerance });
  });

  test('filter gradient', async () => {
    const name = 'DepthwiseConv2dNativeBackpropFilter';
    const run = (t: Record<string, tf.Tensor>) =>
      kernel(name, { x: t.x!, dy: t.dy! }, { ...attrs, filterShape: c.filter });
    await expectSameInOnnx((t) => ({ dw: run(t) }), { x, dy }, { tolerance });
  });
});

test('a transposed convolution', async () => {
  const x = noise([2, 4, 3, 3], 7);
  const filter = noise([4, 4, 2, 3], 8);
  const up = (t: Record<string, tf.Tensor>) =>
    tf.conv2dTranspose(t.x as tf.Tensor4D, t.filter as tf.Tensor4D, [2, 8, 6, 2], 2, 'same');
  await expectSameInOnnx((t) => ({ y: up(t) }), { x, filter }, { tolerance });
});

describe('any batch size', () => {
  const filter = noise([3, 3, 2, 3], 9);
  const wide = noise([2, 2, 4, 3], 10);
  const depthwise = noise([3, 3, 2, 2], 11);
  const options = { tolerance, batched: true };
  const attrs = { strides: [2, 2], pad: 'same', dataFormat: 'NHWC', dilations: [1, 1] };

  test('convolution and its gradients', async () => {
    await expectSameInOnnx(
      ({ x, wideX, dy }) => ({
        y: kernel('Conv2D', { x: x!, filter }, attrs),
        dx: kernel('Conv2DBackpropInput', { dy: dy!, filter }, { ...attrs, inputShape: x!.shape }),
        dw: kernel('Conv2DBackpropFilter', { x: x!, dy: dy! }, { ...attrs, filterShape: filter.shape }),
        dwByProducts: kernel(
          'Conv2DBackpropFilter',
          { x: wideX!, dy: dy! },
          { ...attrs, filterShape: wide.shape },
        ),
      }),
      { x: noise([3, 6, 5, 2], 1), wideX: noise([3, 6, 5, 4], 2), dy: noise([3, 3, 3, 3], 3) },
      options,
    );
  });

  test('depthwise convolution and its gradients', async () => {
    await expectSameInOnnx(
      ({ x, dy }) => ({
        y: kernel('DepthwiseConv2dNative', { x: x!, filter: depthwise }, attrs),
        dx: kernel(
          'DepthwiseConv2dNativeBackpropInput',
          { dy: dy!, filter: depthwise },
          { ...attrs, inputShape: x!.shape },
        ),
        dw: kernel(
          'DepthwiseConv2dNativeBackpropFilter',
          { x: x!, dy: dy! },
          { ...attrs, filterShape: depthwise.shape },
        ),
      }),
      { x: noise([3, 6, 5, 2], 1), dy: noise([3, 3, 3, 4], 3) },
      options,
    );
  });
});

test('the gradient of a dilated depthwise convolution is refused with its cause', async () => {
  const attrs = { strides: [1, 1], pad: 'same', dilations: [2, 2], inputShape: [1, 5, 5, 2] };
  const inputs = { dy: noise([1, 5, 5, 2], 1), filter: noise([3, 3, 2, 1], 2) };
  const run = (t: Record<string, tf.Tensor>) =>
    kernel('DepthwiseConv2dNativeBackpropInput', { dy: t.dy!, filter: t.filter! }, attrs);
  await expect(expectSameInOnnx((t) => ({ dx: run(t) }), inputs)).rejects.toThrow(/dilation 1 only/);
});
