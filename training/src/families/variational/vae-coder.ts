import { type NamedTensors, tf } from '@generatrix/export';
import { type DataSpec, sizeOf } from '@generatrix/runtime/core';
import type { StateSpecs } from '../../model/state.ts';
import { convolution, convolutionSpecs, transposedConvolution } from '../../nn/convolution.ts';
import { dense, denseSpecs, mlp, mlpSpecs } from '../../nn/dense.ts';

/** Encoder and decoder of an autoencoder, over flat examples. */
export interface Coder {
  readonly specs: StateSpecs;
  /** [batch, dimensions] to the mean and log standard deviation of the code, [batch, latent] each. */
  encode(state: NamedTensors, x: tf.Tensor): { mean: tf.Tensor; logStd: tf.Tensor };
  /** [batch, latent] to [batch, dimensions]: logits or means, by the likelihood. */
  decode(state: NamedTensors, z: tf.Tensor): tf.Tensor;
}

export interface CoderOptions {
  readonly architecture: 'mlp' | 'conv';
  readonly latent: number;
  readonly hidden: readonly number[];
  readonly filters: readonly number[];
}

/** Why this architecture does not fit the data, or null. */
export function coderRefuses({ architecture }: CoderOptions, spec: DataSpec): string | null {
  if (architecture === 'conv' && spec.kind !== 'image')
    return `architecture conv needs images, not ${spec.kind}`;
  return null;
}

/** Builds the networks for examples of this shape. */
export function buildCoder(options: CoderOptions, spec: DataSpec): Coder {
  return options.architecture === 'conv' && spec.kind === 'image'
    ? convolutionalCoder(options, spec.shape)
    : denseCoder(options, sizeOf(spec.shape));
}

function denseCoder({ hidden, latent }: CoderOptions, dimensions: number): Coder {
  const back = hidden.toReversed();
  const specs = {
    ...mlpSpecs('encoder', dimensions, hidden),
    ...codeSpecs(hidden.at(-1)!, latent),
    ...mlpSpecs('decoder', latent, back),
    ...denseSpecs('decoder/output', back.at(-1)!, dimensions),
  };
  return {
    specs,
    encode: (state, x) => codeOf(state, mlp(state, 'encoder', x, hidden)),
    decode: (state, z) => dense(state, 'decoder/output', mlp(state, 'decoder', z, back)),
  };
}

/** Two strided convolutions down to a quarter of the size, a dense code, and their mirror image. */
function convolutionalCoder(
  { filters, latent }: CoderOptions,
  shape: readonly [number, number, number],
): Coder {
  const [height, width, depth] = shape;
  const [first, second] = filters as [number, number];
  const half = [Math.ceil(height / 2), Math.ceil(width / 2)] as const;
  const quarter = [Math.ceil(half[0] / 2), Math.ceil(half[1] / 2)] as const;
  const features = quarter[0] * quarter[1] * second;
  const specs = {
    ...convolutionSpecs('encoder/0', 4, depth, first),
    ...convolutionSpecs('encoder/1', 4, first, second),
    ...codeSpecs(features, latent),
    ...denseSpecs('decoder/0', latent, features),
    ...convolutionSpecs('decoder/1', 4, second, first, 'transposed'),
    ...convolutionSpecs('decoder/output', 4, first, depth, 'transposed'),
  };
  return {
    specs,
    encode: (state, x) => {
      const image = tf.reshape(x, [x.shape[0]!, height, width, depth]); // [batch, h, w, c]
      const h1 = tf.relu(convolution(state, 'encoder/0', image, 2)); // [batch, h/2, w/2, first]
      const h2 = tf.relu(convolution(state, 'encoder/1', h1, 2)); // [batch, h/4, w/4, second]
      return codeOf(state, tf.reshape(h2, [x.shape[0]!, features]));
    },
    decode: (state, z) => {
      const h0 = tf.relu(dense(state, 'decoder/0', z));
      const small = tf.reshape(h0, [z.shape[0]!, ...quarter, second]); // [batch, h/4, w/4, second]
      const h1 = tf.relu(transposedConvolution(state, 'decoder/1', small, 2, half)); // [batch, h/2, w/2, first]
      const image = transposedConvolution(state, 'decoder/output', h1, 2, [height, width]); // [batch, h, w, c]
      return tf.reshape(image, [z.shape[0]!, height * width * depth]);
    },
  };
}

function codeSpecs(features: number, latent: number): StateSpecs {
  return {
    ...denseSpecs('encoder/mean', features, latent),
    ...denseSpecs('encoder/logStd', features, latent),
  };
}

function codeOf(state: NamedTensors, features: tf.Tensor): { mean: tf.Tensor; logStd: tf.Tensor } {
  return { mean: dense(state, 'encoder/mean', features), logStd: dense(state, 'encoder/logStd', features) };
}
