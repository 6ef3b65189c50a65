import { beforeAll, describe, expect, it } from 'vitest';
import { tf } from '../tf.ts';
import { TraceError } from '../trace/errors.ts';
import { trace } from '../trace/trace.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const filter = (height: number, width: number) => tf.ones([height, width, 1, 1]) as tf.Tensor4D;

describe('a call without a result is refused when it is traced, in one line with its place and the cure', () => {
  it.each<[string, (x: tf.Tensor) => tf.Tensor, number[], RegExp]>([
    [
      'a filter larger than the image',
      (x) => tf.conv2d(x as tf.Tensor4D, filter(3, 2), 1, 'valid'),
      [1, 2, 2, 1],
      /^Conv2D at .*: a window of 3 by 2 does not fit into an image of 2 by 2 .*smaller window or pad more$/,
    ],
    [
      'a dilated filter larger than the image',
      (x) => tf.conv2d(x as tf.Tensor4D, filter(3, 1), 1, 'valid', 'NHWC', 2),
      [1, 4, 4, 1],
      /Conv2D at .*a window of 5 by 1 does not fit into an image of 4 by 4/,
    ],
    [
      'a filter larger than the image by two cells, each channel by itself',
      (x) => tf.depthwiseConv2d(x as tf.Tensor4D, filter(4, 4), 1, 'valid'),
      [1, 2, 2, 1],
      /DepthwiseConv2dNative at .*a window of 4 by 4/,
    ],
    [
      'a pool larger than the image',
      (x) => tf.maxPool(x as tf.Tensor4D, 3, 1, 'valid'),
      [1, 2, 5, 1],
      /MaxPool at .*a window of 3 by 3 does not fit into an image of 2 by 5/,
    ],
    [
      'an average over more than the image',
      (x) => tf.avgPool(x as tf.Tensor4D, [1, 4], 1, 'valid'),
      [1, 2, 2, 1],
      /AvgPool at .*a window of 1 by 4/,
    ],
    [
      'the place of the largest of none',
      (x) => tf.argMax(x, 1),
      [2, 0],
      /ArgMax at .*axis 1 of \[2,0\] is empty/,
    ],
    ['the place of the smallest of none', (x) => tf.argMin(x, -1), [2, 0], /ArgMin at .*axis 1 of \[2,0\]/],
    ['the largest of none', (x) => tf.max(x), [0], /Max at .*axis 0 of \[0\] is empty/],
    ['the smallest of none', (x) => tf.min(x, [0, 1]), [2, 0], /Min at .*axis 1 of \[2,0\] is empty/],
    [
      'the mean of none',
      (x) => tf.mean(x, 1),
      [2, 0],
      /Mean at .*no extreme or mean of no values: axis 1 of/,
    ],
    [
      'a part that begins behind the end',
      (x) => tf.slice(x, [2], [-1]),
      [1],
      /Slice at .*gives a tensor of shape \[-1\], from \[1\]/,
    ],
    [
      'sums along a scalar',
      (x) => tf.cumsum(x),
      [],
      /Cumsum at .*rank 1 or more, got a scalar; reshape it to \[1\]/,
    ],
    ['products along a scalar', (x) => tf.cumprod(x), [], /Cumprod at .*got a scalar/],
    [
      'a choice whose axis of one entry tfjs leaves where it should have none',
      (x) => tf.where(tf.cast(x, 'bool'), tf.ones([1, 1]), tf.zeros([1, 1])),
      [1, 0],
      /Select at .*choices of one shape, got \[1,0\], \[1,1\], \[1,1\]/,
    ],
    [
      'fewer segment ids than rows',
      (x) => tf.unsortedSegmentSum(x, tf.tensor1d([0, 1], 'int32'), 2),
      [3, 2],
      /UnsortedSegmentSum at .*every row, got values and ids of shapes \[3,2\], \[2\]/,
    ],
    ['the softmax of a scalar', (x) => tf.softmax(x), [], /Softmax at .*got a scalar/],
  ])('%s', (_, fn, shape, message) => {
    const refused = () => trace(({ x }) => ({ y: fn(x!) }), { x: { dtype: 'float32', shape } });
    expect(refused).toThrow(message);
    expect(refused).toThrow(TraceError);
    expect(refused).not.toThrow(/\n/);
  });

  it('but not where the result has no values, or where padding makes room', () => {
    const shapeOf = (fn: (x: tf.Tensor) => tf.Tensor, shape: number[]) =>
      trace(({ x }) => ({ y: fn(x!) }), { x: { dtype: 'float32', shape } }).outputs[0]!.value.shape;
    expect(shapeOf((x) => tf.argMax(x, 0), [2, 0])).toEqual([0]);
    expect(shapeOf((x) => tf.max(x, 0), [2, 0])).toEqual([0]);
    expect(shapeOf((x) => tf.conv2d(x as tf.Tensor4D, filter(3, 3), 1, 'same'), [1, 2, 2, 1])).toEqual([
      1, 2, 2, 1,
    ]);
    expect(shapeOf((x) => tf.maxPool(x as tf.Tensor4D, 2, 1, 'valid'), [1, 2, 2, 1])).toEqual([1, 1, 1, 1]);
  });
});
