import { type NamedTensors, scan, tf } from '@generatrix/export';
import { type CarryShapes, startCarries } from '../../../core/carries.ts';
import { inference } from '../../../nn/module.ts';
import { keep } from '../autoregressive-programs.ts';
import { gate, type WavenetNetwork, wavenetLayers } from './wavenet-network.ts';

/** What a draw takes besides the weights. */
export interface WavenetRequest {
  /** Uniform, [batch, time] each, named as the network's output has it. */
  readonly noise: NamedTensors;
  readonly temperature: tf.Tensor;
  /** [batch] int32, for a conditional network. */
  readonly label: tf.Tensor1D | undefined;
  /** Levels that are kept: where `known` [time] is 1, `index` [batch, time] stands instead of draws. */
  readonly given?: { readonly index: tf.Tensor2D; readonly known: tf.Tensor1D };
}

/**
 * Steps between two looks at the long delays. A layer of dilation `block` or more reads inputs from before the block
 * alone, so they are taken from its queue, and multiplied by its weights, once a block, and the queue moves once a
 * block: a step copies only the short delays, whatever the receptive field.
 */
const block = 8;

/**
 * Draws clips sample by sample, [batch, time] whole numbers. Each step runs every layer for one new sample, with the
 * layers' earlier inputs at hand (cost linear in the samples; Le Paine et al. 2016, arXiv:1611.09482).
 */
export function wavenetDraw(
  network: WavenetNetwork,
  state: NamedTensors,
  request: WavenetRequest,
): tf.Tensor2D {
  const [batch] = request.noise.uniform!.shape as [number];
  const start = startCarries(wavenetCarries(network), (shape) => tf.zeros([batch, ...shape]));
  return wavenetChunk(network, state, request, start).index;
}

/** Samples that a chunk may hold: a multiple of this, so that chunk after chunk is the same as all at once. */
export const chunkMultiple = block;

/** The layers whose inputs are looked at every step, those looked at once a block, and how far the first look back. */
function layersOf({ dilations }: WavenetNetwork) {
  const short = [...dilations.keys()].filter((layer) => dilations[layer]! < block);
  const long = [...dilations.keys()].filter((layer) => dilations[layer]! >= block);
  return { short, long, depth: Math.max(...short.map((layer) => dilations[layer]!)) };
}

/**
 * What is carried from sample to sample, by name: shapes without the batch. `front` and `late` are what the samples so
 * far add to the next input of the first layer and to the one after; `recent` holds the short layers' inputs and
 * `queue/L` those of a long one, oldest first.
 */
export function wavenetCarries(network: WavenetNetwork): CarryShapes {
  const { dilations, filters } = network;
  const { short, long, depth } = layersOf(network);
  const queues = long.map((layer) => [`queue/${layer}`, [dilations[layer]!, filters]]);
  return {
    front: [filters],
    late: [filters],
    recent: [depth * short.length, filters],
    ...Object.fromEntries(queues),
  };
}

/**
 * Draws the samples that follow those of the carries, as many as there is noise for: [batch, time] whole numbers, and
 * the carries for the samples after them (meaningful where `time` is a multiple of `chunkMultiple`).
 */
export function wavenetChunk(
  network: WavenetNetwork,
  state: NamedTensors,
  request: WavenetRequest,
  before: NamedTensors,
): { index: tf.Tensor2D; carries: NamedTensors } {
  const { dilations, filters, output } = network;
  const [batch, time] = request.noise.uniform!.shape as [number, number];
  const { short, long, depth } = layersOf(network);
  const { residuals, head } = wavenetLayers(network);
  const biases = dilations.map((_, layer) => layerBias(state, layer, request.label)); // [batch or 1, 2 filters]
  const kernels = long.map((layer) => tf.split(state[`layer${layer}/kernel`]!, 2)); // [past, current], each [filters, 2 filters]

  const advance = (carries: NamedTensors, slices: NamedTensors) => {
    let h = carries.front!; // [batch, filters]
    const gated: tf.Tensor[] = [];
    const inputs: tf.Tensor[] = [];
    for (const [layer, dilation] of dilations.entries()) {
      inputs.push(h);
      let both: tf.Tensor;
      if (dilation < block) {
        // `recent` holds the short layers' inputs [batch, filters] under one another, oldest time first.
        const place = (depth - dilation) * short.length + short.indexOf(layer);
        const past = tf.slice(carries.recent!, place * batch, batch);
        const product = tf.matMul(tf.concat([past, h], 1), state[`layer${layer}/kernel`]!);
        both = tf.add(product, biases[layer]!);
      } else {
        both = tf.add(tf.matMul(h, kernels[long.indexOf(layer)]![1]!), slices[`past/${layer}`]!);
      }
      const z = gate(both);
      gated.push(z);
      const residual = residuals[layer];
      if (residual !== undefined) h = tf.add(h, residual.apply(state, z, inference));
    }
    const noise = Object.fromEntries(output.noise.map((name) => [name, slices[`noise/${name}`]!]));
    const parameters = head.apply(state, tf.concat(gated, 1), inference) as tf.Tensor2D;
    const drawn = output.draw(parameters, noise, request.temperature);
    const x = slices.known === undefined ? drawn : keep(drawn, slices.index!, slices.known); // [batch]
    const front = output.enter(x, state['front/kernel']!); // [batch, 2 filters]
    const [late, soon] = tf.split(front, 2, 1) as [tf.Tensor, tf.Tensor];
    const older = tf.slice(carries.recent!, short.length * batch, (depth - 1) * short.length * batch);
    const recent = tf.concat([older, ...short.map((layer) => inputs[layer]!)], 0);
    const outputs = Object.fromEntries(long.map((layer) => [`input/${layer}`, inputs[layer]!]));
    return {
      carries: { front: tf.add(carries.late!, soon), late, recent },
      outputs: { x, ...outputs } as NamedTensors,
    };
  };

  // Run eagerly, a long clip would otherwise keep every step's tensors until the end.
  const step: typeof advance = (carries, slices) => tf.tidy(() => advance(carries, slices));

  const sequences = timeMajor(request, long.length === 0 ? 1 : block);
  // Between calls the batch comes first; within, time does, so that what a step reads lies together.
  const { recent, ...others } = mapValues(before, (x) => (x.rank === 3 ? tf.transpose(x, [1, 0, 2]) : x));
  const start: NamedTensors = { ...others, recent: tf.reshape(recent!, [-1, filters]) };
  const batchFirst = (carries: NamedTensors) =>
    mapValues(
      { ...carries, recent: tf.reshape(carries.recent!, [depth * short.length, batch, filters]) },
      (x) => (x.rank === 3 ? tf.transpose(x, [1, 0, 2]) : x),
    );
  if (long.length === 0) {
    const { carries, outputs } = scan({ carries: start, sequences, body: step });
    return { index: tf.transpose(outputs.x!) as tf.Tensor2D, carries: batchFirst(carries) };
  }
  const { carries, outputs } = scan({
    carries: start,
    sequences: mapValues(sequences, (x) => tf.reshape(x, [-1, block, ...x.shape.slice(1)])),
    body: ({ front, late, recent, ...queues }, slices) => {
      const pasts = long.map((layer, i) => {
        const past = tf.slice(queues[`queue/${layer}`]!, 0, block); // [block, batch, filters]
        const product = tf.matMul(tf.reshape(past, [-1, filters]), kernels[i]![0]!);
        return [`past/${layer}`, tf.add(tf.reshape(product, [block, -1, 2 * filters]), biases[layer]!)];
      });
      const inner = scan({
        carries: { front: front!, late: late!, recent: recent! },
        sequences: { ...slices, ...(Object.fromEntries(pasts) as NamedTensors) },
        body: step,
      });
      const moved = long.map((layer) => {
        const fresh = inner.outputs[`input/${layer}`]!; // [block, batch, filters]
        if (dilations[layer] === block) return [`queue/${layer}`, fresh];
        return [`queue/${layer}`, tf.concat([tf.slice(queues[`queue/${layer}`]!, block), fresh], 0)];
      });
      return {
        carries: { ...inner.carries, ...(Object.fromEntries(moved) as NamedTensors) },
        outputs: { x: inner.outputs.x! },
      };
    },
  });
  const drawn = tf.reshape(outputs.x!, [-1, batch]); // [time rounded up to whole blocks, batch]
  const index = tf.transpose(tf.slice(drawn, [0, 0], [time, -1])) as tf.Tensor2D;
  return { index, carries: batchFirst(carries) };
}

/** [1, 2 filters], or [batch, 2 filters] with what each example's class adds. */
function layerBias(state: NamedTensors, layer: number, label: tf.Tensor1D | undefined): tf.Tensor {
  const bias = tf.expandDims(state[`layer${layer}/bias`]!, 0);
  return label === undefined ? bias : tf.add(bias, tf.gather(state[`layer${layer}/label`]!, label));
}

/** What each step is given, time first, with steps added at the end to fill a whole number of blocks. */
function timeMajor({ noise, given }: WavenetRequest, multiple: number): NamedTensors {
  const time = noise.uniform!.shape[1]!;
  const missing = Math.ceil(time / multiple) * multiple - time;
  const filled = (x: tf.Tensor) =>
    missing === 0 ? x : tf.pad(x, [[0, missing], ...x.shape.slice(1).map(() => [0, 0] as [number, number])]);
  const own = Object.entries(noise).map(([name, x]) => [`noise/${name}`, filled(tf.transpose(x))]);
  return {
    ...(Object.fromEntries(own) as NamedTensors),
    ...(given === undefined
      ? {}
      : {
          index: filled(tf.transpose(given.index)),
          known: filled(tf.reshape(given.known, [time, 1])),
        }),
  };
}

function mapValues(tensors: NamedTensors, fn: (x: tf.Tensor) => tf.Tensor): NamedTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, fn(x)]));
}
