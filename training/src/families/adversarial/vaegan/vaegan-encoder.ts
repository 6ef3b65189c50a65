import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../../../model/state.ts';
import {
  denseLayer,
  type Layer,
  type LayerOptions,
  type Pass,
  specsOf,
  stridedLayer,
} from '../../../nn/layer.ts';
import type { NetworkOptions } from '../networks.ts';

/** The encoder of a VAE-GAN. */
export interface Encoder {
  readonly parameters: StateSpecs;
  readonly statistics: StateSpecs;
  /** [batch, ...data shape] to mean and log standard deviation of the code, [batch, latent] each. */
  apply(state: NamedTensors, x: tf.Tensor, pass: Pass): { mean: tf.Tensor; logStd: tf.Tensor };
}

/**
 * Strided convolutions (dcgan) or fully connected layers (mlp), normalised as the generator is, with ReLU, and a linear
 * output each for mean and log standard deviation (Larsen et al. 2016, table 3).
 */
export function buildEncoder(options: NetworkOptions, spec: DataSpec): Encoder {
  const normalisation: LayerOptions['normalisation'] = options.generatorNormalisation;
  const { layers, features } =
    options.architecture === 'dcgan' && spec.kind === 'image'
      ? stridedLayers(options, spec.shape, { normalisation, std: 0.02 })
      : denseLayers(options, sizeOf(spec.shape), { normalisation });
  const heads = ['mean', 'logStd'].map((name) =>
    denseLayer(`encoder/${name}`, features, options.latent, { normalisation: 'none' }),
  ) as [Layer, Layer];
  const convolutional = options.architecture === 'dcgan';
  return {
    ...specsOf([...layers, ...heads]),
    apply: (state, x, pass) => {
      const input = convolutional ? x : tf.reshape(x, [x.shape[0]!, -1]);
      const inner = layers.reduce<tf.Tensor>((h, layer) => tf.relu(layer.apply(state, h, pass)), input);
      const h = tf.reshape(inner, [x.shape[0]!, features]);
      const [mean, logStd] = heads.map((head) => head.apply(state, h, pass)) as [tf.Tensor, tf.Tensor];
      return { mean, logStd };
    },
  };
}

function denseLayers({ hidden }: NetworkOptions, dimensions: number, options: LayerOptions) {
  const widths = hidden.toReversed();
  const layers = widths.map((width, i) =>
    denseLayer(`encoder/${i}`, i === 0 ? dimensions : widths[i - 1]!, width, options),
  );
  return { layers, features: widths.at(-1)! };
}

function stridedLayers(
  { filters, kernelSize }: NetworkOptions,
  [height, width, depth]: readonly [number, number, number],
  options: LayerOptions,
) {
  const layers = filters.map((count, i) =>
    stridedLayer(`encoder/${i}`, kernelSize, [i === 0 ? depth : filters[i - 1]!, count], options),
  );
  const halved = (size: number) => filters.reduce((rest) => Math.ceil(rest / 2), size);
  return { layers, features: halved(height) * halved(width) * filters.at(-1)! };
}
