import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import { denseSpecs } from '../../nn/dense.ts';
import {
  denseLayer,
  type Layer,
  type LayerOptions,
  leakyRelu,
  newPass,
  type Pass,
  specsOf,
} from '../../nn/layer.ts';
import { minibatchCloseness, minibatchSpecs } from '../../nn/minibatch-discrimination.ts';
import type { StateSpecs } from '../family.ts';
import { convolutionalFeatures, convolutionalOutputs } from './convolutional-networks.ts';

/** How the discriminator is told of the class, or tells it. */
export type Conditioning = 'none' | 'projection' | 'concatenation' | 'auxiliary';

/** What both networks are built from. */
export interface NetworkOptions {
  readonly architecture: 'mlp' | 'dcgan';
  readonly latent: number;
  /** Widths of the hidden layers of the generator (mlp). */
  readonly hidden: readonly number[];
  /** Widths of the hidden layers of the discriminator (mlp); those of the generator, reversed, when absent. */
  readonly discriminatorHidden?: readonly number[] | undefined;
  /** Filters of the strided layers, from the image inwards (dcgan). */
  readonly filters: readonly number[];
  readonly kernelSize: number;
  readonly generatorNormalisation: 'none' | 'batch' | 'virtual';
  readonly discriminatorNormalisation: 'none' | 'batch' | 'spectral';
  readonly minibatchKernels: number;
  /** Examples that the discriminator judges together. */
  readonly packing: number;
}

/** A network with what the optimizer changes and what the step changes by other rules. */
interface Network {
  readonly parameters: StateSpecs;
  readonly statistics: StateSpecs;
  /** Names of the layer that touches the data: in CoGAN each domain has its own. */
  readonly outermost: readonly string[];
}

export interface Generator extends Network {
  /** Drawn once and never changed: the reference batch of virtual batch normalisation. */
  readonly fixed: StateSpecs;
  /** [batch, latent] and, where conditional, [batch, classes] one-hot labels to [batch, ...data shape]. */
  apply(state: NamedTensors, z: tf.Tensor, classes: tf.Tensor | undefined, pass: Pass): tf.Tensor;
}

/** What the discriminator makes of a batch. */
export interface Judgement {
  /** [batch]: the larger, the more real; before any sigmoid. */
  readonly logits: tf.Tensor1D;
  /** [batch, features] before the last layer. */
  readonly features: tf.Tensor2D;
  /** [batch, classes] of an auxiliary classifier. */
  readonly classLogits?: tf.Tensor2D;
}

export interface Discriminator extends Network {
  /** [batch, ...data shape] and, where conditional, [batch, classes] one-hot labels. */
  apply(state: NamedTensors, x: tf.Tensor, classes: tf.Tensor | undefined, pass: Pass): Judgement;
}

/** Layers of a network's inside, and how they are run. */
export interface Body {
  readonly layers: readonly Layer[];
  apply(state: NamedTensors, x: tf.Tensor, classes: tf.Tensor | undefined, pass: Pass): tf.Tensor;
}

/** Examples that the reference batch of virtual batch normalisation holds. */
const referenceSize = 64;
const referenceName = 'reference/latent';

/**
 * The generator. `mlp`: hidden layers with ReLU. `dcgan`: see `convolutionalOutputs`. The last layer is linear for
 * data without bounds; for data within a range (pixels, sound) it ends in tanh, stretched to that range.
 * @param classes number of classes to condition on, by concatenation of a one-hot label to z; 0 for none
 */
export function buildGenerator(options: NetworkOptions, spec: DataSpec, classes: number): Generator {
  const inputs = options.latent + classes;
  const body =
    options.architecture === 'dcgan' && spec.kind === 'image'
      ? convolutionalOutputs(options, inputs, spec.shape)
      : denseOutputs(options, inputs, sizeOf(spec.shape));
  const virtual = options.generatorNormalisation === 'virtual';
  const run = (state: NamedTensors, z: tf.Tensor, label: tf.Tensor | undefined, pass: Pass) => {
    const input = label === undefined ? z : tf.concat([z, label], 1); // [batch, latent + classes]
    return body.apply(state, input, undefined, pass);
  };
  return {
    ...specsOf(body.layers),
    outermost: Object.keys(body.layers.at(-1)!.parameters),
    fixed: virtual
      ? { [referenceName]: { shape: [referenceSize, options.latent], initial: { law: 'normal', scale: 1 } } }
      : {},
    apply: (state, z, label, pass) => {
      const raw = virtual ? runWithReference(state, z, pass, run) : run(state, z, label, pass);
      return tf.reshape(intoRange(raw, spec), [z.shape[0]!, ...spec.shape]);
    },
  };
}

function runWithReference(
  state: NamedTensors,
  z: tf.Tensor,
  pass: Pass,
  run: (state: NamedTensors, z: tf.Tensor, label: undefined, pass: Pass) => tf.Tensor,
): tf.Tensor {
  const moments: NamedTensors = {};
  const reference = { size: referenceSize, moments };
  run(state, state[referenceName]!, undefined, { ...pass, reference: { ...reference, recording: true } });
  return run(state, z, undefined, { ...pass, reference: { ...reference, recording: false } });
}

/** tanh stretched to the data's range; unchanged where there is none. */
function intoRange(x: tf.Tensor, spec: DataSpec): tf.Tensor {
  if (!('range' in spec)) return x;
  const [low, high] = spec.range;
  return tf.add(tf.mul((high - low) / 2, tf.tanh(x)), (high + low) / 2);
}

/** The data's range to [-1, 1]; unchanged where there is none. */
function centred(x: tf.Tensor, spec: DataSpec): tf.Tensor {
  if (!('range' in spec)) return x;
  const [low, high] = spec.range;
  return tf.mul(2 / (high - low), tf.sub(x, (high + low) / 2));
}

/** [batch, inputs] through the hidden layers to [batch, dimensions]. */
function denseOutputs(options: NetworkOptions, inputs: number, dimensions: number): Body {
  const widths = [inputs, ...options.hidden];
  const normalisation = options.generatorNormalisation;
  const hidden = options.hidden.map((width, i) =>
    denseLayer(`generator/${i}`, widths[i]!, width, { normalisation }),
  );
  const last = denseLayer('generator/output', options.hidden.at(-1)!, dimensions, { normalisation: 'none' });
  return {
    layers: [...hidden, last],
    apply: (state, x, _, pass) => {
      const features = hidden.reduce<tf.Tensor>((h, layer) => tf.relu(layer.apply(state, h, pass)), x);
      return last.apply(state, features, pass);
    },
  };
}

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
      ? { [`${name}/projection`]: { shape: [classes, features], initial: { law: 'normal', scale: 0.02 } } }
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
      const packed = pack(centred(x, spec), options.packing); // [batch / packing, ..., packing * c]
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

/** The network's output without training: running statistics. */
export function generated(
  generator: Generator,
  state: NamedTensors,
  z: tf.Tensor,
  classes: tf.Tensor | undefined,
): tf.Tensor {
  return generator.apply(state, z, classes, newPass(false));
}
