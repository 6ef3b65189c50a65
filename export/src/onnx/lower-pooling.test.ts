import { describe, expect, test } from 'vitest';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './conformance.ts';

type Shape4 = [number, number, number, number];
interface Case {
  readonly name: string;
  readonly x: Shape4;
  readonly filterSize: [number, number];
  readonly strides: [number, number];
  readonly pad: tf.MaxPoolAttrs['pad'];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

const explicit: Case['pad'] = [
  [0, 0],
  [0, 1],
  [1, 0],
  [0, 0],
];

const cases: Case[] = [
  { name: '2 x 2, tiling', x: [2, 6, 4, 3], filterSize: [2, 2], strides: [2, 2], pad: 'valid' },
  { name: '2 x 2, rows left over', x: [2, 7, 5, 3], filterSize: [2, 2], strides: [2, 2], pad: 'valid' },
  { name: '2 x 2 same, odd size', x: [2, 7, 5, 3], filterSize: [2, 2], strides: [2, 2], pad: 'same' },
  { name: 'overlapping, same', x: [2, 6, 7, 2], filterSize: [3, 3], strides: [2, 2], pad: 'same' },
  { name: 'overlapping, valid', x: [2, 8, 9, 2], filterSize: [3, 3], strides: [2, 2], pad: 'valid' },
  { name: 'stride 1', x: [1, 5, 4, 2], filterSize: [3, 2], strides: [1, 1], pad: 'same' },
  { name: 'large overlap', x: [2, 9, 8, 1], filterSize: [5, 4], strides: [2, 3], pad: 'same' },
  { name: 'stride beyond the window', x: [2, 9, 8, 2], filterSize: [2, 1], strides: [3, 4], pad: 'valid' },
  { name: 'global', x: [3, 4, 5, 2], filterSize: [4, 5], strides: [1, 1], pad: 'valid' },
  { name: '1 x 1', x: [2, 3, 3, 2], filterSize: [1, 1], strides: [1, 1], pad: 'same' },
  { name: 'numeric padding', x: [2, 5, 5, 2], filterSize: [3, 3], strides: [2, 2], pad: 1 },
  // tfjs sizes the output's width by the window's height when the padding is a number.
  { name: 'numeric padding, tall window', x: [2, 6, 9, 2], filterSize: [4, 2], strides: [1, 1], pad: 0 },
  { name: 'numeric padding, wide window', x: [2, 9, 6, 2], filterSize: [2, 4], strides: [1, 1], pad: 1 },
  { name: 'explicit padding', x: [2, 5, 6, 2], filterSize: [2, 2], strides: [2, 2], pad: explicit },
  {
    name: 'rounded up',
    x: [2, 6, 6, 2],
    filterSize: [3, 3],
    strides: [2, 2],
    pad: 0,
    dimRoundingMode: 'ceil',
  },
];

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });

// Averages and sums of at most 25 standard normals: a few float32 roundings (6e-8 each).
const tolerance = 2e-6;

describe.each(cases)('pooling, $name', ({ x: shape, name: _, ...attrs }) => {
  const input = noise(shape, 1);
  // Few distinct values, so that most windows hold their maximum several times.
  const ties = tf.round(noise(shape, 2)) as tf.Tensor;
  const output = kernel('MaxPool', { x: input }, attrs);
  const tiedOutput = kernel('MaxPool', { x: ties }, attrs);
  const dy = noise(output.shape, 3);
  const maxGradient = (t: Record<string, tf.Tensor>) => ({
    dx: kernel('MaxPoolGrad', { dy: t.dy!, input: t.input!, output: t.output! }, attrs),
  });

  test('maximum', async () => {
    await expectSameInOnnx(
      (t) => ({ y: kernel('MaxPool', { x: t.input! }, attrs) }),
      { input },
      { tolerance: 0 },
    );
  });

  test('maximum, int32', async () => {
    const integers = tf.cast(tf.mul(ties, 3), 'int32');
    await expectSameInOnnx(
      (t) => ({ y: kernel('MaxPool', { x: t.integers! }, attrs) }),
      { integers },
      { tolerance: 0 },
    );
  });

  test('average', async () => {
    await expectSameInOnnx(
      (t) => ({ y: kernel('AvgPool', { x: t.input! }, attrs) }),
      { input },
      { tolerance },
    );
  });

  test('gradient of the maximum', async () => {
    await expectSameInOnnx(maxGradient, { dy, input, output }, { tolerance });
  });

  test('gradient of the maximum with ties', async () => {
    await expectSameInOnnx(maxGradient, { dy, input: ties, output: tiedOutput }, { tolerance });
  });

  test('gradient of the average', async () => {
    const run = (t: Record<string, tf.Tensor>) =>
      kernel('AvgPoolGrad', { dy: t.dy!, input: t.input! }, attrs);
    await expectSameInOnnx((t) => ({ dx: run(t) }), { dy, input }, { tolerance });
  });
});

test('through tf.grad, with an input that the gradient of the average does not read', async () => {
  const x = noise([2, 6, 6, 2], 4);
  const loss = (image: tf.Tensor) =>
    tf.add(
      tf.sum(tf.square(tf.avgPool(image as tf.Tensor4D, 2, 2, 'same'))),
      tf.sum(tf.maxPool(image as tf.Tensor4D, 3, 2, 'same')),
    );
  await expectSameInOnnx((t) => ({ dx: tf.grad(loss)(t.x!) }), { x }, { tolerance });
});

test('any batch size', async () => {
  const attrs = { filterSize: [3, 2], strides: [2, 2], pad: 'same' };
  await expectSameInOnnx(
    ({ x, dy }) => {
      const output = kernel('MaxPool', { x: x! }, attrs);
      return {
        output,
        average: kernel('AvgPool', { x: x! }, attrs),
        maxGradient: kernel('MaxPoolGrad', { dy: dy!, input: x!, output }, attrs),
        averageGradient: kernel('AvgPoolGrad', { dy: dy!, input: x! }, attrs),
      };
    },
    { x: noise([3, 5, 6, 2], 1), dy: noise([3, 3, 3, 2], 2) },
    { tolerance, batched: true },
  );
});

test('a window that lies in the padding is refused with its cause', async () => {
  const x = noise([1, 3, 3, 1], 5);
  const attrs = { filterSize: [2, 2], strides: [1, 1], pad: 2 };
  await expect(
    expectSameInOnnx((t) => ({ y: kernel('MaxPool', { x: t.x! }, attrs) }), { x }),
  ).rejects.toThrow(/windows without a single cell/);
});
