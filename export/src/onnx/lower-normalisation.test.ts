import { describe, test } from 'vitest';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './conformance.ts';

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });

// A handful of float32 roundings (6e-8 each) and one power or square root on values of order 1 to 10.
const tolerance = 2e-6;

describe('FusedBatchNorm', () => {
  test.each([
    ['statistics per channel', [3]],
    ['statistics of rank 4', [1, 1, 1, 3]],
    ['statistics per element', [2, 4, 5, 3]],
    ['statistics per image cell', [1, 4, 5, 3]],
  ])('%s', async (_, shape) => {
    const x = noise([2, 4, 5, 3], 1);
    const mean = noise(shape, 2);
    const variance = tf.square(noise(shape, 3));
    const offset = noise(shape, 4);
    const scale = noise(shape, 5);
    await expectSameInOnnx(
      (t) => ({
        y: kernel(
          'FusedBatchNorm',
          { x: t.x!, mean: t.mean!, variance: t.variance!, offset: t.offset!, scale: t.scale! },
          { varianceEpsilon: 0.01 },
        ),
      }),
      { x, mean, variance, offset, scale },
      { tolerance },
    );
  });

  test('through tf.batchNorm, rank 2, default epsilon', async () => {
    const [x, mean, offset, scale] = [noise([5, 3], 1), noise([3], 2), noise([3], 4), noise([3], 5)];
    const variance = tf.square(noise([3], 3));
    await expectSameInOnnx(
      (t) => ({
        y: tf.batchNorm(
          t.x!,
          t.mean as tf.Tensor1D,
          t.variance as tf.Tensor1D,
          t.offset as tf.Tensor1D,
          t.scale as tf.Tensor1D,
        ),
      }),
      { x, mean, variance, offset, scale },
      { tolerance },
    );
  });
});

describe.each([
  { depthRadius: 1, bias: 1, alpha: 0.5, beta: 0.75 },
  { depthRadius: 5, bias: 2, alpha: 0.1, beta: 0.5 },
  { depthRadius: 0, bias: 1, alpha: 1, beta: 1 },
])('local response normalisation %o', (attrs) => {
  const x = noise([2, 3, 2, 7], 6);

  test('forward', async () => {
    await expectSameInOnnx((t) => ({ y: kernel('LRN', { x: t.x! }, attrs) }), { x }, { tolerance });
  });

  test('gradient', async () => {
    const y = kernel('LRN', { x }, attrs);
    const dy = noise([2, 3, 2, 7], 7);
    await expectSameInOnnx(
      (t) => ({ dx: kernel('LRNGrad', { x: t.x!, y: t.y!, dy: t.dy! }, attrs) }),
      { x, y, dy },
      { tolerance },
    );
  });
});

test('any batch size', async () => {
  const attrs = { depthRadius: 2, bias: 1, alpha: 0.5, beta: 0.75 };
  const [mean, variance, offset, scale] = [
    noise([7], 1),
    tf.square(noise([7], 2)),
    noise([7], 3),
    noise([7], 4),
  ] as const;
  await expectSameInOnnx(
    ({ x, dy }) => {
      const y = kernel('LRN', { x: x! }, attrs);
      const normalised = kernel(
        'FusedBatchNorm',
        { x: x!, mean, variance, offset, scale },
        { varianceEpsilon: 0.01 },
      );
      return { y, normalised, dx: kernel('LRNGrad', { x: x!, y, dy: dy! }, attrs) };
    },
    { x: noise([3, 3, 2, 7], 6), dy: noise([3, 3, 2, 7], 7) },
    { tolerance, batched: true },
  );
});
