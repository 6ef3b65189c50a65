import { createExecutor, type HostTensor, hostTensor } from '@generatrix/runtime';
import { describe, expect, test } from 'vitest';
import { tf } from '../tf.ts';
import { trace } from '../trace/trace.ts';
import { expectSameInOnnx } from './conformance.ts';
import { writeOnnx } from './write.ts';

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

  test.each(sizes)('gradient, %s', async (_, from, size) => {
    const images = noise([2, ...from, 2], 2);
    const dy = noise([2, ...size, 2], 3);
    const attrs = { ...mode, size };
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

// <dy, resize(x)> = <gradient(dy), x>, for any x: the definition of the gradient of a linear map. The left side is
// computed by tfjs's forward kernel alone.
describe.each(modes)('the gradient is the adjoint of the resize, %o', (mode) => {
  test.each(sizes)('%s', async (_, from, size) => {
    const images = noise([3, ...from, 2], 2);
    const dy = noise([3, ...size, 2], 3);
    const attrs = { ...mode, size };
    for (const name of ['ResizeBilinear', 'ResizeNearestNeighbor']) {
      const product = tf.sum(tf.mul(dy, kernel(name, { images }, attrs)));
      const dx = await gradientInOnnx(name, images, dy, attrs);
      // Two sums of up to 384 products of order 1 in float32.
      expect(tf.sum(tf.mul(dx, images)).dataSync()[0]).toBeCloseTo(product.dataSync()[0]!, 4);
    }
  });
});

test('any batch size', async () => {
  const attrs = { alignCorners: false, halfPixelCenters: false, size: [7, 4] };
  await expectSameInOnnx(
    ({ images }) => ({
      linear: kernel('ResizeBilinear', { images: images! }, attrs),
      nearest: kernel('ResizeNearestNeighbor', { images: images! }, attrs),
    }),
    { images: noise([3, 4, 5, 2], 1) },
    { tolerance, batched: true },
  );
});

test('the bilinear gradient at any batch size', async () => {
  const attrs = { alignCorners: true, halfPixelCenters: false, size: [7, 6] };
  await expectSameInOnnx(
    ({ images, dy }) => ({ dx: kernel('ResizeBilinearGrad', { dy: dy!, images: images! }, attrs) }),
    { images: noise([3, 4, 5, 2], 1), dy: noise([3, 7, 6, 2], 2) },
    { tolerance, batched: true },
  );
});

test('integer images', async () => {
  const images = tf.cast(tf.mul(noise([2, 3, 4, 2], 4), 50), 'int32');
  const attrs = { alignCorners: false, halfPixelCenters: false, size: [5, 7] };
  await expectSameInOnnx(
    (t) => ({ y: kernel('ResizeBilinear', { images: t.images! }, attrs) }),
    { images },
    { tolerance },
  );
});

/** The gradient kernel as onnxruntime computes it; a tensor of the images' shape, or the product below would fail. */
async function gradientInOnnx(
  name: string,
  images: tf.Tensor,
  dy: tf.Tensor,
  attrs: object,
): Promise<tf.Tensor> {
  const graph = trace((t) => ({ dx: kernel(`${name}Grad`, { dy: t.dy!, images: t.images! }, attrs) }), {
    dy: { dtype: 'float32', shape: dy.shape },
    images: { dtype: 'float32', shape: images.shape },
  });
  const executor = await createExecutor('cpu');
  const program = await executor.load('gradient', writeOnnx(graph, { name: 'gradient' }));
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name: port, value }) => {
      const tensor = port === 'dy' ? dy : images;
      return [port, hostTensor(value.dtype, tensor.shape, tensor.dataSync())];
    }),
  );
  const { dx } = await program.run(feeds);
  await program.release();
  return tf.tensor((dx as HostTensor).data as Float32Array, [...dx!.shape]);
}
