import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type DrawRequest, keep } from './autoregressive-programs.ts';
import { type CarryShapes, startCarries } from './carries.ts';
import {
  addShift,
  centred,
  convolvePadded,
  gate,
  headOf,
  layerNames,
  layerOutput,
  type PixelcnnNetwork,
  pixelcnnForward,
  pointwise,
  reachOf,
  shifts,
} from './pixelcnn-network.ts';

/** What the loops walk along, the pixels' axes first: noise, and the values to keep. */
function pixelSequences(leading: readonly number[], { noise, given }: DrawRequest): NamedTensors {
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
function drawPixel(
  { emission }: PixelcnnNetwork,
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
 * the number of pixels; it is what `pixelcnnDraw` is tested and timed against.
 */
export function naiveDraw(network: PixelcnnNetwork, state: NamedTensors, request: DrawRequest): tf.Tensor {
  const dimensions = network.height * network.width;
  const batch = Object.values(request.noise)[0]!.shape[0]!;
  const numbers = tf.tensor1d(Float32Array.from({ length: dimensions }, (_, i) => i));
  const { carries } = scan({
    carries: { x: tf.zeros([batch, dimensions]) },
    sequences: { ...pixelSequences([dimensions], request), number: numbers },
    body: ({ x }, slices) => {
      const here = tf.cast(tf.equal(numbers, slices.number!), 'float32'); // [D]
      const all = pixelcnnForward(network, state, x as tf.Tensor2D, request.label);
      const parameters = tf.sum(tf.mul(all, tf.expandDims(here, 1)), 1); // [batch, C]
      const pixel = drawPixel(network, parameters, slices, request.temperature);
      return { carries: { x: tf.add(x!, tf.mul(tf.expandDims(pixel, 1), here)) } };
    },
  });
  return carries.x!;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** The last `size` entries along the second axis: what a window keeps when it moves on. */
function latest(window: tf.Tensor, size: number): tf.Tensor {
  const shape = window.shape.with(1, size);
  return tf.slice(window, [0, window.shape[1]! - size].concat(shape.slice(2).fill(0)), shape);
}

/**
 * Draws images row by row and pixel by pixel, [batch, D], each layer computed once for each pixel. The loop over rows
 * carries, for each layer, the rows of the vertical stack that its window still reaches; it computes the vertical
 * stack of the row and hands each layer's share to the loop over the row's pixels, which carries the pixels or
 * activations to the left that the windows of the horizontal stack reach.
 */
export function pixelcnnDraw(network: PixelcnnNetwork, state: NamedTensors, request: DrawRequest): tf.Tensor {
  const batch = Object.values(request.noise)[0]!.shape[0]!;
  const start = startCarries(pixelcnnCarries(network), (shape) => tf.zeros([batch, ...shape]));
  return pixelcnnRows(network, state, request, start).x;
}

/** What `pixelcnnRows` carries from row to row, by name: shapes without the batch. */
export function pixelcnnCarries(network: PixelcnnNetwork): CarryShapes {
  const { width, layers, filters } = network;
  const later = range(1, layers).map((layer) => [`rows/${layer}`, [reachOf(network, layer), width, filters]]);
  return { image: [reachOf(network, 0), width, 1], ...Object.fromEntries(later) };
}

/**
 * Draws the rows that follow those of the carries, as many as there is noise for: [batch, rows * w], and the carries
 * for the rows after them.
 */
export function pixelcnnRows(
  network: PixelcnnNetwork,
  state: NamedTensors,
  request: DrawRequest,
  start: NamedTensors,
): { x: tf.Tensor; carries: NamedTensors } {
  const { width, layers, filters } = network;
  const noise = Object.values(request.noise)[0]!;
  const batch = noise.shape[0]!;
  const height = noise.shape[1]! / width;
  const firstReach = reachOf(network, 0);
  const layerShifts = range(0, layers).map((layer) => shifts(network, state, layer, request.label));
  const { carries, outputs } = scan({
    carries: start,
    sequences: pixelSequences([height, width], request),
    body: (carries, slices) => {
      const next: NamedTensors = {};
      const row: NamedTensors = { ...slices };
      let vertical: tf.Tensor | null = null; // [batch, 1, w, F]
      for (let layer = 0; layer < layers; layer++) {
        const names = layerNames(layer);
        const r = reachOf(network, layer);
        const window: tf.Tensor =
          vertical === null ? carries.image! : tf.concat([carries[`rows/${layer}`]!, vertical], 1);
        if (layer > 0) next[`rows/${layer}`] = latest(window, r);
        const shift = layerShifts[layer]!;
        const above = addShift(convolvePadded(window, state[names.vertical]!, [0, r, r]), shift.vertical);
        const across = addShift(pointwise(above, state[names.across]!), shift.horizontal);
        row[`above/${layer}`] = tf.transpose(tf.reshape(across, [batch, width, 2 * filters]), [1, 0, 2]);
        vertical = gate(above);
      }
      const pixels = drawRow(network, state, row, request.temperature); // [w, batch]
      const drawn = tf.reshape(centred(tf.transpose(pixels)), [batch, 1, width, 1]);
      next.image = latest(tf.concat([carries.image!, drawn], 1), firstReach);
      return { carries: next, outputs: { pixels } };
    },
  });
  return { x: tf.transpose(tf.reshape(outputs.pixels!, [height * width, batch])), carries };
}

/** Draws the pixels of one row, [w, batch], given what the vertical stack says of it: `above/l` [w, batch, 2F]. */
function drawRow(
  network: PixelcnnNetwork,
  state: NamedTensors,
  row: NamedTensors,
  temperature: tf.Tensor,
): tf.Tensor {
  const { layers, filters } = network;
  const batch = row['above/0']!.shape[1]!;
  const firstReach = reachOf(network, 0);
  const kernels = range(0, layers).map((layer) => {
    const kernel = state[layerNames(layer).horizontal]!; // [1, taps, inputs, 2F]
    return tf.reshape(kernel, [-1, 2 * filters]) as tf.Tensor2D;
  });
  const caches = range(1, layers).map((layer) => [
    `left/${layer}`,
    tf.zeros([batch, reachOf(network, layer) * filters]),
  ]);
  const { outputs } = scan({
    carries: { left: tf.zeros([batch, firstReach]), ...(Object.fromEntries(caches) as NamedTensors) },
    sequences: row,
    body: (carries, slices) => {
      const next: NamedTensors = {};
      const first = tf.matMul(carries.left as tf.Tensor2D, kernels[0]!);
      let h = layerOutput(state, 0, tf.add(first, slices['above/0']!)); // [batch, F]
      for (let layer = 1; layer < layers; layer++) {
        const reach = reachOf(network, layer) * filters;
        const window = tf.concat([carries[`left/${layer}`]!, h], 1) as tf.Tensor2D;
        next[`left/${layer}`] = latest(window, reach);
        const sum = tf.add(tf.matMul(window, kernels[layer]!), slices[`above/${layer}`]!);
        h = tf.add(layerOutput(state, layer, sum), h);
      }
      const pixel = drawPixel(network, headOf(state, h), slices, temperature); // [batch]
      const left = tf.concat([carries.left!, tf.expandDims(centred(pixel), 1)], 1);
      next.left = latest(left, firstReach);
      return { carries: next, outputs: { pixel } };
    },
  });
  return outputs.pixel!;
}
