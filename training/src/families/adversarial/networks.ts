import type { NamedTensors, tf } from '@generatrix/export';
import type { StateSpecs } from '../../model/state.ts';
import type { CoderOptions } from '../../nn/encoder-decoder.ts';
import { normal } from '../../nn/initial-values.ts';
import type { Pass } from '../../nn/module.ts';

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

/** Standard deviation of the initial values of all kernels of DCGAN (Radford et al. 2016, section 4). */
export const dcganStart = normal(0.02);

/** What all networks of a game have in common; `dcgan` is the shared coder's `conv`. */
export function layersOf({ architecture, filters, kernelSize }: NetworkOptions) {
  return architecture === 'dcgan'
    ? ({ architecture: 'conv', filters, kernelSize, initial: dcganStart } as const)
    : ({ architecture, filters, kernelSize } as const satisfies Partial<CoderOptions>);
}

/** A network with what the optimizer changes and what the step changes by other rules. */
interface Network {
  readonly parameters: StateSpecs;
  readonly statistics: StateSpecs;
  /** Names of the layer that touches the data: in CoGAN each domain has its own. */
  readonly outermost: readonly string[];
}

export interface Generator extends Network {
  /** Set once and never changed: the reference batch of virtual batch normalisation, the data's mean and scale. */
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
