import { tf } from '@generatrix/export';
import {
  denseLayer,
  fractionallyStridedLayer,
  leakyRelu,
  normalisationLayer,
  stridedLayer,
} from '../../nn/layer.ts';
import type { Body, NetworkOptions } from './networks.ts';

/** Standard deviation of all kernels' initial values (Radford et al. 2016, section 4). */
const std = 0.02;

/** [height, width] before each halving and after the last, from the image inwards. */
function sizes(shape: readonly [number, number, number], halvings: number): [number, number][] {
  const all: [number, number][] = [[shape[0], shape[1]]];
  for (let i = 0; i < halvings; i++) {
    const [height, width] = all[i]!;
    all.push([Math.ceil(height / 2), Math.ceil(width / 2)]);
  }
  return all;
}

/**
 * The generator of DCGAN (Radford et al. 2016, section 3 and figure 1): z is projected to a small image of many
 * channels, and fractionally strided convolutions double its size, with normalisation (none at the output) and ReLU.
 */
export function convolutionalOutputs(
  { filters, kernelSize, generatorNormalisation: normalisation }: NetworkOptions,
  inputs: number,
  shape: readonly [number, number, number],
): Body {
  const grid = sizes(shape, filters.length);
  const [rows, columns] = grid.at(-1)!;
  const deepest = filters.at(-1)!;
  const input = denseLayer('generator/input', inputs, rows * columns * deepest, {
    // What the projection gives becomes channels at positions, and is normalised as such.
    normalisation: 'none',
    bias: normalisation === 'none',
    std,
  });
  const channels = normalisationLayer('generator/input', deepest, normalisation);
  const layers = filters.map((depth, i) => {
    const outwards = i === 0 ? shape[2] : filters[i - 1]!;
    return fractionallyStridedLayer(
      i === 0 ? 'generator/output' : `generator/${filters.length - i}`,
      kernelSize,
      [depth, outwards],
      grid[i]!,
      { normalisation: i === 0 ? 'none' : normalisation, std },
    );
  });
  const outermost = layers[0]!;
  const inner = layers.slice(1).toReversed();
  return {
    layers: [input, channels, ...inner, outermost],
    apply: (state, z, _, pass) => {
      const small = tf.reshape(input.apply(state, z, pass), [z.shape[0]!, rows, columns, deepest]);
      const first = tf.relu(channels.apply(state, small, pass));
      const features = inner.reduce<tf.Tensor>((h, layer) => tf.relu(layer.apply(state, h, pass)), first);
      return outermost.apply(state, features, pass); // [batch, h, w, c]
    },
  };
}

/**
 * The discriminator of DCGAN but its output: strided convolutions with leaky ReLU, no pooling, normalisation on all
 * but the first (Radford et al. 2016, section 3).
 * @param joined classes that join the image as maps, one of ones and the others of zeros
 */
export function convolutionalFeatures(
  { filters, kernelSize, packing, discriminatorNormalisation: kind }: NetworkOptions,
  shape: readonly [number, number, number],
  joined: number,
): { body: Body; features: number } {
  const [height, width, channels] = shape;
  const [rows, columns] = sizes(shape, filters.length).at(-1)!;
  const layers = filters.map((depth, i) => {
    const inputs = i === 0 ? channels * packing + joined : filters[i - 1]!;
    const normalisation = i === 0 && kind === 'batch' ? 'none' : kind;
    return stridedLayer(`discriminator/${i}`, kernelSize, [inputs, depth], { normalisation, std });
  });
  const features = rows * columns * filters.at(-1)!;
  return {
    features,
    body: {
      layers,
      apply: (state, x, label, pass) => {
        const batch = x.shape[0]!;
        const maps =
          label === undefined
            ? []
            : [tf.mul(tf.reshape(label, [batch, 1, 1, joined]), tf.ones([1, height, width, 1]))];
        const input = tf.concat([x, ...maps], 3); // [batch, h, w, c + classes]
        const last = layers.reduce<tf.Tensor>((h, layer) => leakyRelu(layer.apply(state, h, pass)), input);
        return tf.reshape(last, [batch, features]);
      },
    },
  };
}
