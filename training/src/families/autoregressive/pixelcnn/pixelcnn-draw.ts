import { type NamedTensors, scan, tf } from '@generatrix/export';
import type { CarryShapes } from '../../../core/carries.ts';
import { inference } from '../../../nn/module.ts';
import type { DrawRequest } from '../autoregressive-programs.ts';
import { drawPixel, latest, pixelSequences } from '../pixel-draw.ts';
import { pixelHead } from '../pixel-head.ts';
import { drawImage } from '../pixel-model.ts';
import {
  addShift,
  convolvePadded,
  gate,
  inputsOf,
  layerNames,
  layerOutput,
  type PixelcnnNetwork,
  pointwise,
  positionBiases,
  positionBiasesOfRow,
  reachOf,
  type Shifts,
  shifts,
} from './pixelcnn-network.ts';

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/**
 * Draws images row by row and pixel by pixel, [batch, D], each layer computed once for each pixel. The loop over rows
 * carries, for each layer, the rows of the vertical stack that its window still reaches; it computes the vertical
 * stack of the row and hands each layer's share to the loop over the row's pixels, which carries the pixels or
 * activations to the left that the windows of the horizontal stack reach.
 */
export function pixelcnnDraw(network: PixelcnnNetwork, state: NamedTensors, request: DrawRequest): tf.Tensor {
  return drawImage(
    {
      carries: pixelcnnCarries(network),
      drawRows: (weights, asked, carries) => pixelcnnRows(network, weights, asked, carries),
    },
    state,
    request,
  );
}

/** What `pixelcnnRows` carries from row to row, by name: shapes without the batch. */
export function pixelcnnCarries(network: PixelcnnNetwork): CarryShapes {
  const { width, layers, filters } = network;
  const later = range(1, layers).map((layer) => [`rows/${layer}`, [reachOf(network, layer), width, filters]]);
  return {
    image: [reachOf(network, 0), width, inputsOf(network).width],
    ...(network.positions === 'learned' && { row: [] }), // the number of the row
    ...Object.fromEntries(later),
  };
}

/**
 * Draws the rows that follow those of the carries, as many as there is noise for: [batch, rows * w * channels], and the
 * carries for the rows after them.
 */
export function pixelcnnRows(
  network: PixelcnnNetwork,
  state: NamedTensors,
  request: DrawRequest,
  start: NamedTensors,
): { x: tf.Tensor; carries: NamedTensors } {
  const { width, layers, filters, distribution } = network;
  const noise = Object.values(request.noise)[0]!;
  const batch = noise.shape[0]!;
  const height = noise.shape[1]! / (width * distribution.channels);
  const firstReach = reachOf(network, 0);
  const inputs = inputsOf(network);
  const shiftsOf = (layer: number, places: Shifts | null) =>
    shifts(network, state, layer, request.label, places);
  const layerShifts = range(0, layers).map((layer) => shiftsOf(layer, null));
  const positions = positionBiases(network, state);
  const { carries, outputs } = scan({
    carries: start,
    sequences: pixelSequences([height, width], network, request),
    body: (carries, slices) => {
      const next: NamedTensors = {};
      if (positions !== null) next.row = tf.add(carries.row!, 1);
      const firstShift = positions && shiftsOf(0, positionBiasesOfRow(positions, carries.row!));
      const row: NamedTensors = { ...slices };
      let vertical: tf.Tensor | null = null; // [batch, 1, w, F]
      for (let layer = 0; layer < layers; layer++) {
        const names = layerNames(layer);
        const r = reachOf(network, layer);
        const window: tf.Tensor =
          vertical === null ? carries.image! : tf.concat([carries[`rows/${layer}`]!, vertical], 1);
        if (layer > 0) next[`rows/${layer}`] = latest(window, r);
        const shift = layer === 0 && firstShift !== null ? firstShift : layerShifts[layer]!;
        const above = addShift(convolvePadded(window, state[names.vertical]!, [0, r, r]), shift.vertical);
        const across = addShift(pointwise(above, state[names.across]!), shift.horizontal);
        row[`above/${layer}`] = tf.transpose(tf.reshape(across, [batch, width, 2 * filters]), [1, 0, 2]);
        vertical = gate(above);
      }
      const pixels = tf.transpose(drawRow(network, state, row, request.temperature), [1, 0, 2]); // [batch, w, channels]
      const drawn = tf.expandDims(inputs.of(pixels), 1);
      next.image = latest(tf.concat([carries.image!, drawn], 1), firstReach);
      return { carries: next, outputs: { pixels } };
    },
  });
  return { x: tf.reshape(tf.transpose(outputs.pixels!, [1, 0, 2, 3]), [batch, -1]), carries };
}

/** Draws the pixels of one row, [w, batch, channels], given what the vertical stack says of it: `above/l` [w, batch, 2F]. */
function drawRow(
  network: PixelcnnNetwork,
  state: NamedTensors,
  row: NamedTensors,
  temperature: tf.Tensor,
): tf.Tensor {
  const { layers, filters } = network;
  const batch = row['above/0']!.shape[1]!;
  const inputs = inputsOf(network);
  const firstReach = reachOf(network, 0) * inputs.width;
  const kernels = range(0, layers).map((layer) => {
    const kernel = state[layerNames(layer).horizontal]!; // [1, taps, inputs, 2F]
    return tf.reshape(kernel, [-1, 2 * filters]) as tf.Tensor2D;
  });
  const outputsOf = range(0, layers).map((layer) => layerOutput(network, layer));
  const head = pixelHead(network);
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
      let h = outputsOf[0]!.apply(state, tf.add(first, slices['above/0']!), inference); // [batch, F]
      for (let layer = 1; layer < layers; layer++) {
        const reach = reachOf(network, layer) * filters;
        const window = tf.concat([carries[`left/${layer}`]!, h], 1) as tf.Tensor2D;
        next[`left/${layer}`] = latest(window, reach);
        const sum = tf.add(tf.matMul(window, kernels[layer]!), slices[`above/${layer}`]!);
        h = tf.add(outputsOf[layer]!.apply(state, sum, inference), h);
      }
      const pixel = drawPixel(network, head.apply(state, h, inference), slices, temperature); // [batch, channels]
      const left = tf.concat([carries.left!, inputs.of(pixel)], 1);
      next.left = latest(left, firstReach);
      return { carries: next, outputs: { pixel } };
    },
  });
  return outputs.pixel!;
}
