import { tf } from '@generatrix/export';
import { beforeAll, expect, it } from 'vitest';
import { batchNormalised } from './batch-normalised.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The definition, whose gradients are tfjs's own. */
function composed(x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor): tf.Tensor {
  const centred = tf.sub(x, tf.mean(x, [0, 1]));
  const variance = tf.mean(tf.square(centred), [0, 1]);
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), scale), offset);
}

const wave = (shape: number[], phase: number) =>
  tf.tensor(
    Float32Array.from({ length: tf.util.sizeFromShape(shape) }, (_, i) => Math.sin(7.3 * i + phase) + 0.2),
    shape,
  );
const args = () => [wave([4, 3, 2], 0), wave([2], 1), wave([2], 2)] as const;

type Layer = typeof composed;
const weighted = (layer: Layer) => (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) =>
  tf.sum(tf.mul(tf.square(layer(x, scale, offset)), wave([4, 3, 2], 3)));
/** A gradient penalty: the squared length of the loss's gradient at x. */
const penalty = (layer: Layer) => (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) =>
  tf.sum(tf.square(tf.grad((x: tf.Tensor) => weighted(layer)(x, scale, offset))(x)));

it.each([
  ['a loss', weighted],
  ['the gradient penalty of a loss', penalty],
])('has the gradients of its definition: %s', (_, of) => {
  const gradients = (layer: Layer) =>
    tf.grads((...tensors: tf.Tensor[]) => of(layer)(...(tensors as [tf.Tensor, tf.Tensor, tf.Tensor])))([
      ...args(),
    ]);
  const expected = gradients(composed);
  for (const [i, gradient] of gradients(batchNormalised).entries()) {
    const scale = tf.max(tf.abs(expected[i]!)).dataSync()[0]!;
    expect(scale).toBeGreaterThan(0.1);
    // Sums of 12 float32 in another order.
    expect(tf.max(tf.abs(tf.sub(gradient, expected[i]!))).dataSync()[0]! / scale).toBeLessThan(2e-5);
  }
});
