import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type DrawRequest, keep } from './autoregressive-programs.ts';
import type { PixelSizes } from './pixel-model.ts';

/** What the loops walk along, the pixels' axes first: noise, and the values to keep. */
export function pixelSequences(
  leading: readonly number[],
  { distribution }: PixelSizes,
  { noise, given }: DrawRequest,
): NamedTensors {
  const { channels } = distribution;
  const byPixel = (x: tf.Tensor) => {
    const batch = x.shape[0]!;
    const pixels = tf.transpose(tf.reshape(x, [batch, -1, channels]), [1, 0, 2]);
    return tf.reshape(pixels, [...leading, batch, channels]);
  };
  const sequences: NamedTensors = {};
  for (const [name, x] of Object.entries(noise)) sequences[`noise/${name}`] = byPixel(x);
  if (given !== undefined) {
    sequences.values = byPixel(given.values);
    sequences.known = tf.reshape(given.known, [...leading, 1, channels]);
  }
  return sequences;
}

/** Draws one pixel from its distribution's parameters [batch, C], or keeps the given one: [batch, channels]. */
export function drawPixel(
  { distribution }: PixelSizes,
  parameters: tf.Tensor,
  slices: NamedTensors,
  temperature: tf.Tensor,
): tf.Tensor {
  const noise = Object.keys(distribution.noise).map((name) => [name, slices[`noise/${name}`]!]);
  const drawn = distribution.draw(parameters, Object.fromEntries(noise) as NamedTensors, temperature);
  return slices.values === undefined ? drawn : keep(drawn, slices.values, slices.known!);
}

/**
 * Draws images pixel by pixel, computing the whole network anew for every pixel: [batch, D]. Its time is quadratic in
 * the number of pixels; it is what drawing with carries is tested and timed against.
 * @param forward the parameters of every pixel's distribution: [batch, D] to [batch, P, C]
 */
export function naiveDraw(
  sizes: PixelSizes,
  forward: (x: tf.Tensor2D, label?: tf.Tensor) => tf.Tensor,
  request: DrawRequest,
): tf.Tensor {
  const pixels = sizes.height * sizes.width;
  const batch = Object.values(request.noise)[0]!.shape[0]!;
  const numbers = tf.tensor1d(Float32Array.from({ length: pixels }, (_, i) => i));
  const { carries } = scan({
    carries: { x: tf.zeros([batch, pixels, sizes.distribution.channels]) },
    sequences: { ...pixelSequences([pixels], sizes, request), number: numbers },
    body: ({ x }, slices) => {
      const here = tf.expandDims(tf.cast(tf.equal(numbers, slices.number!), 'float32'), 1); // [P, 1]
      const all = forward(tf.reshape(x!, [batch, -1]) as tf.Tensor2D, request.label);
      const parameters = tf.sum(tf.mul(all, here), 1); // [batch, C]
      const pixel = drawPixel(sizes, parameters, slices, request.temperature);
      return { carries: { x: tf.add(x!, tf.mul(tf.expandDims(pixel, 1), here)) } };
    },
  });
  return tf.reshape(carries.x!, [batch, -1]);
}

/** The last `size` entries along the second axis: what a window keeps when it moves on. */
export function latest(window: tf.Tensor, size: number): tf.Tensor {
  const shape = window.shape.with(1, size);
  return tf.slice(window, [0, window.shape[1]! - size].concat(shape.slice(2).fill(0)), shape);
}
