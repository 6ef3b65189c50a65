import { describe, expect, test } from 'vitest';
import { tf } from '../tf.ts';
import { expectSameInOnnx } from './scratch-double.ts';

const noise = (shape: number[], seed: number) => tf.randomNormal(shape, 0, 1, 'float32', seed);
const kernel = (name: string, inputs: Record<string, tf.Tensor>, attrs: object): tf.Tensor =>
  tf.engine().runKernel(name, inputs, { ...attrs });

// Blends of four standard normals, or sums of a few tens of them: some float32 roundings (6e-8 each).
const tolerance = 2e-6;

const sizes: [string, [number, number], [number, number]][] = [
  ['twice as large', [4, 3], [8, 6]],
  ['half', [8, 6], [4, 3]],
  ['uneven, larger', [5, 3], [7, 8]],
  ['uneven, smaller', [9, 7], [4, 5]],
  ['rows larger, columns smaller', [3, 8], [7, 3]],
  ['unchanged', [4, 5], [4, 5]],
  ['from one pixel', [1, 1], [3, 4]],
  ['to one pixel', [5, 4], [1, 1]],
];
const modes = [
  { alignCorners: false, halfPixelCenters: false },
  { alignCorners: true, halfPixelCenters: false },
  { alignCorners: false, halfPixelCenters: true },
];

describe.each(modes)('resizing, %o', (mode) => {
  test.each(sizes)('forward, %s', async (_, from, size) => {
    const images = noise([2, ...from, 3], 1);
    await expectSameInOnnx(
      (t) => ({
        linear: kernel('ResizeBilinear', { images: t.images! }, { ...mode, size }),
        nearest: kernel('ResizeNearestNeighbor', { images: t.images! }, { ...mode, size }),
      }),
      { images },
      { tolerance },
    );
  });

  // tfjs's CPU kernels of these gradients are wrong in two ways: the bilinear one swaps height and width in the
  // shape of its result, the nearest one steps through dy with the batch stride of the images. Both are right for
  // one square image; the next test covers the rest.
  test.each(sizes)('gradient of one square image, %s', async (_, [from], [to]) => {
    const images = noise([1, from, from, 2], 2);
    const dy = noise([1, to, to, 2], 3);
    const attrs = { ...mode, size: [to, to] };
    await expectSameInOnnx(
      (t) => ({
        linear: kernel('ResizeBilinearGrad', { dy: t.dy!, images: t.images! }, attrs),
        nearest: kernel('ResizeNearestNeighborGrad', { dy: t.dy!, images: t.images! }, attrs),
      }),
      { images, dy },
      { tolerance },
    );
  });
});

test('integer images', async () => {
  const images = tf.cast(tf.mul(noise([2, 3, 4, 2], 4), 50), 'int32');
  const attrs = { alignCorners: false, halfPixelCenters: false, size: [5, 7] };
  await expectSameInOnnx((t) => ({ y: kernel('ResizeBilinear', { images: t.images! }, attrs) }), { images }, { tolerance });
});
