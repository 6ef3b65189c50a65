import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type DrawRequest, keep } from './autoregressive-programs.ts';
import type { PixelSizes } from './pixel-model.ts';

/** What the loops walk along, the pixels' axes first: noise, and the values to keep. */
export function pixelSequences(leading: readonly number[], { noise, given }: DrawRequest): NamedTensors {
  const byPixel = (x: tf.Tensor) => tf.reshape(tf.transpose(x), [...leading, x.shape[0]!]); // [..., batch]
  const sequences: NamedTensors = {};
  for (const [name, x] of Object.entries(noise)) sequences[`noise/${name}`] = byPixel(x);
  if (given !== undefined) {
    sequences.values = byPixel(given.values);
    sequences.known = tf.reshape(given.known, [...leading, 1]);
  }
  return sequences;
}

/** Draws one pixel from its law's parameters [batch, C], or keeps the given one: [batch]. */
export function drawPixel(
  { emission }: PixelSizes,
  parameters: tf.Tensor,
  slices: NamedTensors,
  temperature: tf.Tensor,
): tf.Tensor {
  const noise = Object.keys(emission.noise).map((name) => [name, slices[`noise/${name}`]!]);
  const drawn = emission.draw(parameters, Object.fromEntries(noise) as NamedTensors, temperature);
  return slices.values === undefined ? drawn : keep(drawn, slices.values, slices.known!);
}

/**
 * Draws images pixel by pixel, computing the whole network anew for every pixel: [batch, D]. Its time is quadratic in
 * the number of pixels; it is what drawing with carries is tested and timed against.
 * @param forward the parameters of every pixel's law: [batch, D] to [batch, D, C]
 */
export function naiveDraw(
  sizes: PixelSizes,
  forward: (x: tf.Tensor2D, label?: tf.Tensor) => tf.Tensor,
  request: DrawRequest,
): tf.Tensor {
  const dimensions = sizes.height * sizes.width;
  const batch = Object.values(request.noise)[0]!.shape[0]!;
  const numbers = tf.tensor1d(Float32Array.from({ length: dimensions }, (_, i) => i));
  const { carries } = scan({
    carries: { x: tf.zeros([batch, dimensions]) },
    sequences: { ...pixelSequences([dimensions], request), number: numbers },
    body: ({ x }, slices) => {
      const here = tf.cast(tf.equal(numbers, slices.number!), 'float32'); // [D]
      const all = forward(x as tf.Tensor2D, request.label);
      const parameters = tf.sum(tf.mul(all, tf.expandDims(here, 1)), 1); // [batch, C]
      const pixel = drawPixel(sizes, parameters, slices, request.temperature);
      return { carries: { x: tf.add(x!, tf.mul(tf.expandDims(pixel, 1), here)) } };
    },
  });
  return carries.x!;
}

/** The last `size` entries along the second axis: what a window keeps when it moves on. */
export function latest(window: tf.Tensor, size: number): tf.Tensor {
  const shape = window.shape.with(1, size);
  return tf.slice(window, [0, window.shape[1]! - size].concat(shape.slice(2).fill(0)), shape);
}
