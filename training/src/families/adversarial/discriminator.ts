import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../../model/state.ts';
import { denseSpecs } from '../../nn/dense.ts';
import { denseLayer, type LayerOptions, leakyRelu, specsOf } from '../../nn/layer.ts';
import { convolutionalFeatures } from './convolutional-networks.ts';
import { fromData } from './data-scale.ts';
import { minibatchCloseness, minibatchSpecs } from './minibatch-discrimination.ts';
import type { Body, Conditioning, Discriminator, NetworkOptions } from './networks.ts';

/**
 * The discriminator. `mlp`: hidden layers with leaky ReLU of slope 0.2. `dcgan`: see `convolutionalFeatures`. Then
 * the closeness of minibatch discrimination, if asked for, and one linear output.
 * @param conditioning with `projection` the logit gets v[class]' features more (Miyato and Koyama 2018, eq. 5),
 * with `concatenation` the label joins the input (Mirza and Osindero 2014, figure 1; as maps of an image),
 * with `auxiliary` a second output tells the class (Odena et al. 2017)
 * @param bias false where the loss does not depend on a constant added to every output
 */
export function buildDiscriminator(
  options: NetworkOptions,
  spec: DataSpec,
  { classes, conditioning, bias }: { classes: number; conditioning: Conditioning; bias: boolean },
): Discriminator {
  const joined = conditioning === 'concatenation' ? classes : 0;
  const { body, features } =
    options.architecture === 'dcgan' && spec.kind === 'image'
      ? convolutionalFeatures(options, spec.shape, joined)
      : denseFeatures(options, options.packing * sizeOf(spec.shape), joined);
  const kernels = options.minibatchKernels;
  const name = 'discriminator';
  const std = options.architecture === 'dcgan' ? { std: 0.02 } : {};
  const outputOptions: LayerOptions = { normalisation: spectralOnly(options), bias, ...std };
  const output = denseLayer(`${name}/output`, features + kernels, 1, outputOptions);
  const tables: StateSpecs = {
    ...(kernels > 0 ? minibatchSpecs(`${name}/minibatch`, features, kernels) : {}),
    ...(conditioning === 'projection'
      ? {
          [`${name}/projection`]: {
            shape: [classes, features],
            initial: { distribution: 'normal', scale: 0.02 },
          },
        }
      : {}),
    ...(conditioning === 'auxiliary' ? denseSpecs(`${name}/class`, features, classes) : {}),
  };
  const layers = [...body.layers, output];
  const { parameters, statistics } = specsOf(layers);
  return {
    parameters: { ...parameters, ...tables },
    statistics,
    outermost: Object.keys(body.layers[0]!.parameters),
    apply: (state, x, label, pass) => {
      const packed = pack(fromData(state, x, spec), options.packing); // [batch / packing, ..., packing * c]
      const inner = body.apply(state, packed, joined > 0 ? label : undefined, pass) as tf.Tensor2D;
      const closeness = kernels > 0 ? [minibatchCloseness(state, `${name}/minibatch`, inner)] : [];
      const judged = tf.reshape(output.apply(state, tf.concat([inner, ...closeness], 1), pass), [-1]);
      const logits = conditioning === 'projection' ? tf.add(judged, projected(state, inner, label!)) : judged;
      return {
        logits: logits as tf.Tensor1D,
        features: inner,
        ...(conditioning === 'auxiliary'
          ? {
              classLogits: tf.add(
                tf.matMul(inner, state[`${name}/class/kernel`] as tf.Tensor2D),
                state[`${name}/class/bias`]!,
              ) as tf.Tensor2D,
            }
          : {}),
      };
    },
  };
}

function projected(state: NamedTensors, features: tf.Tensor2D, label: tf.Tensor): tf.Tensor {
  const direction = tf.matMul(label as tf.Tensor2D, state['discriminator/projection'] as tf.Tensor2D);
  return tf.sum(tf.mul(features, direction), 1); // [batch]
}

/** The output layer takes no batch normalisation (Radford et al. 2016, section 3). */
function spectralOnly({ discriminatorNormalisation }: NetworkOptions): 'none' | 'spectral' {
  return discriminatorNormalisation === 'spectral' ? 'spectral' : 'none';
}

/**
 * Joins `packing` examples, of consecutive parts of the batch, along the last axis, so that the discriminator sees
 * whether samples differ (Lin et al. 2018, PacGAN, section 3).
 */
function pack(x: tf.Tensor, packing: number): tf.Tensor {
  if (packing === 1) return x;
  return tf.concat(tf.split(x, packing, 0), x.rank - 1);
}

/** Flat examples (and labels) through the hidden layers to [batch, features]. */
function denseFeatures(
  options: NetworkOptions,
  dimensions: number,
  joined: number,
): { body: Body; features: number } {
  const hidden = options.discriminatorHidden ?? options.hidden.toReversed();
  const widths = [dimensions + joined, ...hidden];
  const layers = hidden.map((width, i) => {
    // The input layer takes no batch normalisation (Radford et al. 2016, section 3).
    const normalisation =
      i === 0 && options.discriminatorNormalisation === 'batch' ? 'none' : options.discriminatorNormalisation;
    return denseLayer(`discriminator/${i}`, widths[i]!, width, { normalisation });
  });
  return {
    features: hidden.at(-1)!,
    body: {
      layers,
      apply: (state, x, label, pass) => {
        const flat = tf.reshape(x, [x.shape[0]!, -1]); // [batch, dimensions]
        const input = label === undefined ? flat : tf.concat([flat, label], 1);
        return layers.reduce<tf.Tensor>((h, layer) => leakyRelu(layer.apply(state, h, pass)), input);
      },
    },
  };
}
