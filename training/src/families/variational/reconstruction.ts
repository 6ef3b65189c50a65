import { tf } from '@generatrix/export';
import type { DataSpec } from '@generatrix/runtime/core';
import { bernoulliLogProb, sumExamples } from '../../nn/distributions.ts';
import { isUnitImage } from '../../nn/unit-image.ts';

/** How well a decoder's output repeats the data, and what it means. */
export interface Reconstruction {
  readonly kind: 'crossEntropy' | 'squared';
  /** Examples from the decoder's output, in the data's range; any shape. */
  mean(output: tf.Tensor): tf.Tensor;
  /** Loss of each example summed over its values: [batch, dimensions] each to [batch]. */
  loss(x: tf.Tensor, output: tf.Tensor): tf.Tensor1D;
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
