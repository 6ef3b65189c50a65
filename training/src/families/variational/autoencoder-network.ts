import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../../model/state.ts';
import { type Activation, activations } from '../../nn/activations.ts';
import { convolution, convolutionSpecs, transposedConvolution } from '../../nn/convolution.ts';
import { dense, denseSpecs } from '../../nn/dense.ts';
import { bernoulliLogProb, sumExamples } from '../../nn/distributions.ts';

export interface AutoencoderNetworkOptions {
  readonly architecture: 'mlp' | 'conv';
  readonly latent: number;
  /** Widths of the encoder's hidden layers; the decoder mirrors them (mlp). */
  readonly hidden: readonly number[];
  /** Filters of the two strided layers (conv). */
  readonly filters: readonly number[];
  /** Of hidden layers. */
  readonly activation: Activation;
  /** Of the code. */
  readonly codeActivation: Activation;
}

/** Encoder and decoder over flat examples, with a deterministic code. */
export interface AutoencoderNetwork {
  readonly specs: StateSpecs;
  /**
   * [batch, dimensions] to codes [batch, latent].
   * @param keep multipliers of the inputs of each of the encoder's layers (dropout), for mlp only
   */
  encode(state: NamedTensors, x: tf.Tensor, keep?: readonly tf.Tensor[]): tf.Tensor;
  /** [batch, latent] to [batch, dimensions] before the output's nonlinearity. */
  decode(state: NamedTensors, code: tf.Tensor): tf.Tensor;
}

/** Builds the networks for examples of this shape. */
export function buildAutoencoder(options: AutoencoderNetworkOptions, spec: DataSpec): AutoencoderNetwork {
  return options.architecture === 'conv' && spec.kind === 'image'
    ? convolutionalNetwork(options, spec.shape)
    : denseNetwork(options, sizeOf(spec.shape));
}

function denseNetwork(options: AutoencoderNetworkOptions, dimensions: number): AutoencoderNetwork {
  const { hidden, latent } = options;
  const widths = [dimensions, ...hidden, latent];
  const [activate, code] = [activations[options.activation], activations[options.codeActivation]];
  const count = widths.length - 1;
  const layer = (part: string, i: number) => `${part}/${i === count - 1 ? 'output' : i}`;
  const back = widths.toReversed();
  const specs = Array.from({ length: count }, (_, i) => ({
    ...denseSpecs(layer('encoder', i), widths[i]!, widths[i + 1]!),
    ...denseSpecs(layer('decoder', i), back[i]!, back[i + 1]!),
  }));
  const run = (state: NamedTensors, part: string, x: tf.Tensor, keep: readonly tf.Tensor[] = []) => {
    let h = x; // [batch, width]
    for (let i = 0; i < count; i++) {
      const kept = keep[i] === undefined ? h : tf.mul(h, keep[i]!);
      h = dense(state, layer(part, i), kept);
      if (i < count - 1) h = activate(h);
    }
    return h;
  };
  return {
    specs: Object.assign({}, ...specs) as StateSpecs,
    encode: (state, x, keep) => code(run(state, 'encoder', x, keep)),
    decode: (state, z) => run(state, 'decoder', z),
  };
}

/** Two strided convolutions down to a quarter of the size, a dense code, and their mirror image. */
function convolutionalNetwork(
  { filters, latent, activation, codeActivation }: AutoencoderNetworkOptions,
  [height, width, depth]: readonly [number, number, number],
): AutoencoderNetwork {
  const [first, second] = filters as [number, number];
  const activate = activations[activation];
  const half = [Math.ceil(height / 2), Math.ceil(width / 2)] as const;
  const quarter = [Math.ceil(half[0] / 2), Math.ceil(half[1] / 2)] as const;
  const features = quarter[0] * quarter[1] * second;
  return {
    specs: {
      ...convolutionSpecs('encoder/0', 4, depth, first),
      ...convolutionSpecs('encoder/1', 4, first, second),
      ...denseSpecs('encoder/output', features, latent),
      ...denseSpecs('decoder/0', latent, features),
      ...convolutionSpecs('decoder/1', 4, second, first, 'transposed'),
      ...convolutionSpecs('decoder/output', 4, first, depth, 'transposed'),
    },
    encode: (state, x) => {
      const image = tf.reshape(x, [x.shape[0]!, height, width, depth]); // [batch, h, w, c]
      const h1 = activate(convolution(state, 'encoder/0', image, 2)); // [batch, h/2, w/2, first]
      const h2 = activate(convolution(state, 'encoder/1', h1, 2)); // [batch, h/4, w/4, second]
      const flat = tf.reshape(h2, [x.shape[0]!, features]);
      return activations[codeActivation](dense(state, 'encoder/output', flat)); // [batch, latent]
    },
    decode: (state, z) => {
      const h0 = activate(dense(state, 'decoder/0', z)); // [batch, features]
      const small = tf.reshape(h0, [z.shape[0]!, ...quarter, second]); // [batch, h/4, w/4, second]
      const h1 = activate(transposedConvolution(state, 'decoder/1', small, 2, half)); // [batch, h/2, w/2, first]
      const image = transposedConvolution(state, 'decoder/output', h1, 2, [height, width]); // [batch, h, w, c]
      return tf.reshape(image, [z.shape[0]!, height * width * depth]);
    },
  };
}

/** How well a decoder's output repeats the data, and what it means. */
export interface Reconstruction {
  readonly kind: 'crossEntropy' | 'squared';
  /** Examples from the decoder's output, in the data's range; any shape. */
  mean(output: tf.Tensor): tf.Tensor;
  /** Loss of each example summed over its values: [batch, dimensions] each to [batch]. */
  loss(x: tf.Tensor, output: tf.Tensor): tf.Tensor1D;
}

/** Whether values are pixels in [0, 1], which a sigmoid output fits. */
export function isUnitImage(spec: DataSpec): boolean {
  return spec.kind === 'image' && spec.range[0] === 0 && spec.range[1] === 1;
}

/**
 * The reconstruction loss: Bernoulli cross-entropy in nats (Vincent et al. 2010, section 2.2) or squared error. Pixels
 * in [0, 1] come out of a sigmoid under either, other data is what the decoder gives.
 */
export function reconstructionOf(
  spec: DataSpec,
  kind: Reconstruction['kind'] = isUnitImage(spec) ? 'crossEntropy' : 'squared',
): Reconstruction {
  const unit = isUnitImage(spec);
  const mean = (output: tf.Tensor) => (unit ? tf.sigmoid(output) : output);
  return {
    kind,
    mean,
    loss: (x, output) =>
      kind === 'crossEntropy'
        ? (tf.neg(sumExamples(bernoulliLogProb(x, output))) as tf.Tensor1D)
        : sumExamples(tf.squaredDifference(x, mean(output))),
  };
}
