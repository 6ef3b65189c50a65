import { type NamedTensors, scan, tf } from '@generatrix/export';
import type { CarryShapes } from '../../../core/carries.ts';
import { inference } from '../../../nn/module.ts';
import type { DrawRequest } from '../autoregressive-programs.ts';
import { drawPixel, latest, pixelSequences } from '../pixel-draw.ts';
import { pixelHead } from '../pixel-head.ts';
import { biasAndClass, leftKernel, rowFeatures } from '../pixel-window.ts';
import { centred, pointwise } from '../pixelcnn/pixelcnn-network.ts';
import {
  fromAbove,
  lstmCell,
  lstmNames,
  lstmOutput,
  type PixelrnnNetwork,
  reachOf,
  windowOf,
} from './pixelrnn-network.ts';

/** What `pixelrnnRows` carries from row to row, by name: shapes without the batch. */
export function pixelrnnCarries({
  width,
  layers,
  units,
  firstKernel,
  distribution,
  positions,
}: PixelrnnNetwork): CarryShapes {
  const states = Array.from({ length: layers }, (_, layer) => [
    [`hidden/${layer}`, [width, units]],
    [`cell/${layer}`, [width, units]],
  ]);
  return {
    image: [reachOf(firstKernel), width, distribution.channels],
    ...(positions === 'learned' && { row: [] }), // the number of the row
    ...Object.fromEntries(states.flat()),
  };
}

/**
 * Draws the rows that follow those of the carries, as many as there is noise for, pixel by pixel, each LSTM stepped
 * once for each pixel: [batch, rows * w * channels], and the carries for the rows after them. The loop over rows carries the
 * hidden states and cells of the row above and the pixels that the first window still reaches; what they say of a row
 * is computed before the loop over its pixels, which carries what the windows reach to the left.
 */
export function pixelrnnRows(
  network: PixelrnnNetwork,
  state: NamedTensors,
  request: DrawRequest,
  start: NamedTensors,
): { x: tf.Tensor; carries: NamedTensors } {
  const { width, layers, firstKernel, distribution } = network;
  const noise = Object.values(request.noise)[0]!;
  const batch = noise.shape[0]!;
  const height = noise.shape[1]! / (width * distribution.channels);
  const reach = reachOf(firstKernel);
  const each = Array.from({ length: layers }, (_, layer) => layer);
  const featuresOf = rowFeatures(windowOf(network), state, request.label);
  const gateShifts = each.map((layer) => biasAndClass(network, state, lstmNames(layer), request.label));
  const byPixel = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2]); // [batch, w, C] to [w, batch, C] and back

  const { carries, outputs } = scan({
    carries: start,
    sequences: pixelSequences([height, width], network, request),
    body: (above, slices) => {
      const next: NamedTensors = {};
      if (above.row !== undefined) next.row = tf.add(above.row, 1);
      const row: NamedTensors = {
        ...slices,
        above: byPixel(featuresOf(above.image!, above.row)),
      };
      for (const layer of each) {
        const gates = fromAbove(above[`hidden/${layer}`]!, state[lstmNames(layer).state]!);
        const gateShift = gateShifts[layer]!;
        const shifted = tf.add(gates, gateShift.rank === 1 ? gateShift : tf.expandDims(gateShift, 1));
        row[`gates/${layer}`] = byPixel(shifted);
        row[`cell/${layer}`] = byPixel(above[`cell/${layer}`]!);
      }
      const { pixel, ...states } = drawRow(network, state, row, request.temperature);
      for (const [name, x] of Object.entries(states)) next[name] = byPixel(x);
      const pixels = byPixel(pixel!); // [batch, w, channels]
      next.image = latest(tf.concat([above.image!, tf.expandDims(centred(pixels), 1)], 1), reach);
      return { carries: next, outputs: { pixels } };
    },
  });
  return { x: tf.reshape(tf.transpose(outputs.pixels!, [1, 0, 2, 3]), [batch, -1]), carries };
}

/**
 * Draws the pixels of one row: `pixel` [w, batch, channels], and the row's `hidden/l` and `cell/l` [w, batch, U].
 * @param row what stands above it: `above` [w, batch, F], `gates/l` [w, batch, 4U], `cell/l` [w, batch, U]
 */
function drawRow(
  network: PixelrnnNetwork,
  state: NamedTensors,
  row: NamedTensors,
  temperature: tf.Tensor,
): NamedTensors {
  const { layers, filters, units, firstKernel, kernel, distribution } = network;
  const batch = row.above!.shape[1]!;
  const reach = reachOf(firstKernel) * distribution.channels;
  const firstKernelFlat = leftKernel(windowOf(network), state);
  const inputKernels = Array.from({ length: layers }, (_, layer) =>
    tf.reshape(state[lstmNames(layer).input]!, [-1, 4 * units]),
  );
  const outputsOf = Array.from({ length: layers }, (_, layer) => lstmOutput(network, layer));
  const head = pixelHead(network);
  const carries: NamedTensors = { left: tf.zeros([batch, reach]) };
  for (let layer = 0; layer < layers; layer++) {
    carries[`left/${layer}`] = tf.zeros([batch, reachOf(kernel) * filters]);
  }
  const { outputs } = scan({
    carries,
    sequences: row,
    body: (left, slices) => {
      const next: NamedTensors = {};
      const states: NamedTensors = {};
      let features = tf.add(tf.matMul(left.left as tf.Tensor2D, firstKernelFlat), slices.above!); // [batch, F]
      for (let layer = 0; layer < layers; layer++) {
        const window = tf.concat([left[`left/${layer}`]!, features], 1);
        next[`left/${layer}`] = latest(window, reachOf(kernel) * filters);
        const gates = tf.add(pointwise(window, inputKernels[layer]!), slices[`gates/${layer}`]!);
        const { hidden, cell } = lstmCell(gates, slices[`cell/${layer}`]!);
        Object.assign(states, { [`hidden/${layer}`]: hidden, [`cell/${layer}`]: cell });
        features = tf.add(features, outputsOf[layer]!.apply(state, hidden, inference));
      }
      const pixel = drawPixel(network, head.apply(state, features, inference), slices, temperature); // [batch, channels]
      next.left = latest(tf.concat([left.left!, centred(pixel)], 1), reach);
      return { carries: next, outputs: { ...states, pixel } };
    },
  });
  return outputs;
}
