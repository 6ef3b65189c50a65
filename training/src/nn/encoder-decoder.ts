import { tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import { convolution, transposedConvolution } from './convolution.ts';
import { dense } from './dense.ts';
import { dropout } from './dropout.ts';
import { type Initial, zeros } from './initial-values.ts';
import { declared, type Module, type Step, sequential } from './module.ts';
import { type NormalisationKind, normalisation } from './normalisation.ts';
import { residual } from './residual.ts';

/** What an encoder and its decoder, or a generator and its discriminator, are built from. */
export interface CoderOptions {
  /** `conv` for images: strided convolutions, each halving the size. */
  readonly architecture: 'mlp' | 'conv';
  /** Widths of the hidden layers, from the data to the code (mlp). */
  readonly hidden: readonly number[];
  /** Filters of the strided layers, from the image inwards (conv). */
  readonly filters: readonly number[];
  /** Width of the convolutions; 4 when absent. */
  readonly kernelSize?: number;
  /** Residual blocks after each strided layer (conv); 0 when absent. */
  readonly blocks?: number;
  /** After every layer but the last. */
  readonly activation: (x: tf.Tensor) => tf.Tensor;
  /** Of every layer but the last, in place of its bias; `spectral` divides its kernel instead. */
  readonly normalisation?: NormalisationKind | 'spectral';
  /** Of the layer that touches the data, in an encoder; as `normalisation` when absent. */
  readonly dataNormalisation?: NormalisationKind | 'spectral';
  /** Of the kernels; each layer's default when absent. */
  readonly initial?: Initial;
  /** Share dropped of the inputs of each of the encoder's layers, first to last (mlp); none when absent. */
  readonly dropout?: readonly number[];
}

/** Why this architecture does not fit the data, in one line, or null: convolutions need images. */
export function architectureRefuses(architecture: string, spec: DataSpec): string | null {
  if (architecture === 'mlp' || spec.kind === 'image') return null;
  return `architecture ${architecture} needs images, not ${spec.kind}`;
}

/** A network that ends in features, and how many. */
export interface Features {
  /** [batch, ...shape] to [batch, width] */
  readonly network: Module;
  readonly width: number;
}

/**
 * Hidden layers from the data to features: dense ones over the flat example, or strided convolutions. State:
 * `name/0`, `name/1`, ...
 * @param shape of an example; [height, width, channels] for `conv`
 */
export function featureNetwork(name: string, options: CoderOptions, shape: readonly number[]): Features {
  return options.architecture === 'conv'
    ? stridedFeatures(name, options, shape as ImageShape)
    : denseFeatures(name, options, sizeOf(shape));
}

export type ImageShape = readonly [number, number, number];

function denseFeatures(name: string, options: CoderOptions, size: number): Features {
  const widths = [size, ...options.hidden];
  const layers = options.hidden.flatMap((width, i) => [
    dropout(`dropout/${i}`, [widths[i]!], options.dropout?.[i] ?? 0),
    ...normalisedDense(`${name}/${i}`, widths[i]!, width, atLayer(options, i)),
    options.activation,
  ]);
  const flat: Step = (x) => tf.reshape(x, [x.shape[0]!, size]);
  return { network: sequential([flat, ...layers]), width: widths.at(-1)! };
}

function stridedFeatures(name: string, options: CoderOptions, shape: ImageShape): Features {
  const width = sizeOf(gridShape(options, shape));
  const image: Step = (x) => tf.reshape(x, [x.shape[0]!, ...shape]);
  const flat: Step = (h) => tf.reshape(h, [h.shape[0]!, width]);
  return { network: sequential([image, stridedLayers(name, options, shape), flat]), width };
}

/** What an image becomes by strided layers, and is made of again: [rows, columns, filters]. */
export function gridShape({ filters }: CoderOptions, shape: ImageShape): ImageShape {
  return [...halvings(shape, filters.length).at(-1)!, filters.at(-1)!];
}

/** Strided convolutions, each halving the image: [batch, ...shape] to [batch, ...gridShape]. */
export function stridedLayers(name: string, options: CoderOptions, shape: ImageShape): Module {
  const { filters, kernelSize = 4 } = options;
  return sequential(
    filters.flatMap((depth, i) => {
      const { normalisation: kind, initial } = atLayer(options, i);
      const channels = [i === 0 ? shape[2] : filters[i - 1]!, depth] as const;
      return [
        convolution(`${name}/${i}`, channels, kernelSize, { ...linear(kind, initial), stride: 2 }),
        following(`${name}/${i}`, depth, kind),
        ...residualBlocks(`${name}/${i}`, depth, options),
        options.activation,
      ];
    }),
  );
}

/** The first layer has a normalisation of its own, where the options say so. */
function atLayer(options: CoderOptions, i: number) {
  const { normalisation: kind = 'none', dataNormalisation = kind, initial } = options;
  return { normalisation: i === 0 ? dataNormalisation : kind, initial };
}

interface LayerSettings {
  readonly normalisation: NormalisationKind | 'spectral';
  readonly initial: Initial | undefined;
}

function normalisedDense(
  name: string,
  inputs: number,
  outputs: number,
  { normalisation: kind, initial }: LayerSettings,
): Module[] {
  return [dense(name, inputs, outputs, linear(kind, initial)), following(name, outputs, kind)];
}

/** A normalisation has an offset, so that the map before it needs no bias. */
function linear(kind: NormalisationKind | 'spectral', initial: Initial | undefined) {
  return {
    bias: kind === 'none' || kind === 'spectral',
    spectral: kind === 'spectral',
    ...(initial === undefined ? {} : { initial }),
  };
}

function following(name: string, width: number, kind: NormalisationKind | 'spectral'): Module {
  return normalisation(name, width, kind === 'spectral' ? 'none' : kind);
}

/**
 * Blocks x + conv(f(conv(f(x)))) of 3x3 convolutions, whose second starts at zero, so that each starts as the identity
 * (He et al. 2016, arXiv:1603.05027, figure 1b, without normalisation). State: `name/block0/conv0`, ...
 */
function residualBlocks(name: string, width: number, { blocks = 0, activation }: CoderOptions): Module[] {
  return Array.from({ length: blocks }, (_, i) =>
    residual([
      activation,
      convolution(`${name}/block${i}/conv0`, [width, width], 3),
      activation,
      convolution(`${name}/block${i}/conv1`, [width, width], 3, { initial: zeros }),
    ]),
  );
}

/** [height, width] before each halving and after the last, from the image inwards. */
function halvings([height, width]: ImageShape, count: number): [number, number][] {
  const all: [number, number][] = [[height, width]];
  for (let i = 0; i < count; i++) {
    const [rows, columns] = all[i]!;
    all.push([Math.ceil(rows / 2), Math.ceil(columns / 2)]);
  }
  return all;
}

/** A normal distribution of the code: [batch, latent] each. */
export interface GaussianCode {
  readonly mean: tf.Tensor;
  readonly logStd: tf.Tensor;
}

/**
 * An encoder whose code has a normal distribution, its mean and log standard deviation linear in the features: state
 * `name/0`, ..., `name/mean`, `name/logStd`. [batch, ...shape] to [batch, latent] each.
 */
export function gaussianEncoder(
  name: string,
  latent: number,
  options: CoderOptions,
  shape: readonly number[],
): Module<tf.Tensor, GaussianCode> {
  const features = featureNetwork(name, options, shape);
  const head = gaussianHead(name, features.width, latent);
  return {
    ...declared([features.network, head]),
    apply: (state, x, pass) => head.apply(state, features.network.apply(state, x, pass), pass),
  };
}

/** The last layers of such an encoder, `name/mean` and `name/logStd`: [batch, width] to [batch, latent] each. */
export function gaussianHead(name: string, width: number, latent: number): Module<tf.Tensor, GaussianCode> {
  const [mean, logStd] = [dense(`${name}/mean`, width, latent), dense(`${name}/logStd`, width, latent)];
  return {
    ...declared([mean, logStd]),
    apply: (state, h, pass) => ({ mean: mean.apply(state, h, pass), logStd: logStd.apply(state, h, pass) }),
  };
}

/**
 * An encoder whose code is a function of the data: state `name/0`, ..., `name/output`. [batch, ...shape] to
 * [batch, latent].
 * @param activation of the code
 */
export function deterministicEncoder(
  name: string,
  latent: number,
  options: CoderOptions & { readonly codeActivation: (x: tf.Tensor) => tf.Tensor },
  shape: readonly number[],
): Module {
  const { network, width } = featureNetwork(name, options, shape);
  const last = options.hidden.length;
  const dropped = options.architecture === 'mlp' ? (options.dropout?.[last] ?? 0) : 0;
  return sequential([
    network,
    dropout(`dropout/${last}`, [width], dropped),
    dense(`${name}/output`, width, latent),
    options.codeActivation,
  ]);
}

/**
 * The mirror image of `featureNetwork`: dense layers, or a dense layer whose outputs are a small image and transposed
 * convolutions that double its size (Radford et al. 2016, figure 1). Nothing follows the last layer. State: `name/0`,
 * `name/1`, ..., `name/output`. [batch, inputs] to [batch, ...shape].
 * @param options.hidden as in the encoder, so the decoder's first layer has the last width
 * @param options.inputName of the layer that makes the small image; `0` when absent
 */
export function decoderNetwork(
  name: string,
  inputs: number,
  options: CoderOptions & { readonly inputName?: string },
  shape: readonly number[],
): Module {
  return options.architecture === 'conv'
    ? transposedDecoder(name, inputs, options, shape as ImageShape)
    : denseDecoder(name, inputs, options, shape);
}

function denseDecoder(name: string, inputs: number, options: CoderOptions, shape: readonly number[]): Module {
  const { normalisation: kind = 'none', initial, activation } = options;
  const hidden = options.hidden.toReversed();
  const widths = [inputs, ...hidden];
  const layers = hidden.flatMap((width, i) => [
    ...normalisedDense(`${name}/${i}`, widths[i]!, width, { normalisation: kind, initial }),
    activation,
  ]);
  const last = dense(`${name}/output`, widths.at(-1)!, sizeOf(shape), linear('none', initial));
  return sequential([...layers, last, (h) => tf.reshape(h, [h.shape[0]!, ...shape])]);
}

function transposedDecoder(
  name: string,
  inputs: number,
  options: CoderOptions & { readonly inputName?: string },
  shape: ImageShape,
): Module {
  const { normalisation: kind = 'none', initial, activation } = options;
  const small = gridShape(options, shape);
  const input = `${name}/${options.inputName ?? '0'}`;
  return sequential([
    dense(input, inputs, sizeOf(small), linear(kind, initial)),
    (h) => tf.reshape(h, [h.shape[0]!, ...small]),
    // What the dense layer gives has become channels at positions, and is normalised as such.
    following(input, small[2], kind),
    ...residualBlocks(input, small[2], options),
    activation,
    transposedLayers(name, options, shape),
  ]);
}

/** Transposed convolutions, each doubling the image: [batch, ...gridShape] to [batch, ...shape]. */
export function transposedLayers(name: string, options: CoderOptions, shape: ImageShape): Module {
  const { filters, kernelSize = 4, normalisation: kind = 'none', initial, activation } = options;
  const sizes = halvings(shape, filters.length);
  const layers = filters
    .map((depth, i) => {
      const outwards = i === 0 ? shape[2] : filters[i - 1]!;
      const own = i === 0 ? `${name}/output` : `${name}/${filters.length - i}`;
      const after = i === 0 ? 'none' : kind;
      const doubling = { ...linear(after, initial), stride: 2, size: sizes[i]! };
      return [
        transposedConvolution(own, [depth, outwards], kernelSize, doubling),
        ...(i === 0
          ? []
          : [following(own, outwards, after), ...residualBlocks(own, outwards, options), activation]),
      ];
    })
    .toReversed();
  return sequential(layers.flat());
}
