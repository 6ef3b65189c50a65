import { type NamedTensors, tf } from '@generatrix/export';
import { binarise } from '../../../nn/distributions.ts';
import {
  conditionalLogProb,
  freeEnergy,
  hiddenInputs,
  hiddenMean,
  rbmNames,
  visibleMean,
} from './rbm-energy.ts';

/** What a block Gibbs step draws by: uniform numbers for all hidden units, then for all visible ones. */
export interface GibbsNoise {
  readonly hidden: tf.Tensor; // [batch, H]
  readonly visible: tf.Tensor; // [batch, V]
}

/** One block Gibbs step h ~ p(h | v), v ~ p(v | h): [batch, V] to the new values and the probabilities they had. */
export function gibbsStep(
  state: NamedTensors,
  v: tf.Tensor,
  noise: GibbsNoise,
): { readonly values: tf.Tensor; readonly probabilities: tf.Tensor } {
  const h = binarise(hiddenMean(state, v), noise.hidden);
  const probabilities = visibleMean(state, h);
  return { values: binarise(probabilities, noise.visible), probabilities };
}

/**
 * The gradient of the mean of -log p over a batch, whose expectation under the model is taken at what chains of Gibbs
 * steps have come to (Hinton 2002, eq. 5; Tieleman 2008):
 *
 *   d(-log p) / dW = E_chains[v' p(h | v)] - E_data[v' p(h | v)],   likewise for the biases
 *
 * @param v data, binary, [batch, V]
 * @param chains where chains are after their steps, binary, [n, V]
 */
export function divergenceGradients(state: NamedTensors, v: tf.Tensor, chains: tf.Tensor) {
  const [positive, negative] = [v, chains].map((x) => ({ x, h: hiddenMean(state, x) }));
  const products = ({ x, h }: { x: tf.Tensor; h: tf.Tensor }) =>
    tf.div(tf.matMul(x as tf.Tensor2D, h as tf.Tensor2D, true), x.shape[0]!);
  return {
    [rbmNames.weights]: tf.sub(products(negative!), products(positive!)),
    [rbmNames.visibleBias]: tf.sub(tf.mean(negative!.x, 0), tf.mean(positive!.x, 0)),
    [rbmNames.hiddenBias]: tf.sub(tf.mean(negative!.h, 0), tf.mean(positive!.h, 0)),
  };
}

/**
 * What a step reports: no likelihood, as that needs Z. `loss` is minus the pseudo-log-likelihood, estimated from one unit
 * of each example; `freeEnergyGap` the mean free energy of chains less that of data.
 * @param unit uniform, [batch, 1]: which unit is looked at
 */
export function divergenceMetrics(state: NamedTensors, v: tf.Tensor, chains: tf.Tensor, unit: tf.Tensor) {
  const units = v.shape[1]!;
  const inputs = hiddenInputs(state, v);
  // Where the number is close to 1 the product may round to `units` itself.
  const index = tf.cast(tf.minimum(tf.floor(tf.mul(tf.squeeze(unit, [1]), units)), units - 1), 'int32');
  const mask = tf.cast(tf.equal(tf.expandDims(index, 1), tf.range(0, units, 1, 'int32')), 'float32');
  const value = tf.sum(tf.mul(mask, v), 1, true); // [batch, 1]
  const weights = tf.gather(state[rbmNames.weights]!, index); // [batch, H]
  const bias = tf.expandDims(tf.gather(state[rbmNames.visibleBias]!, index), 1);
  const conditional = conditionalLogProb(inputs, value, weights, bias);
  return {
    loss: tf.neg(tf.mul(units, tf.mean(conditional))),
    freeEnergyGap: tf.sub(tf.mean(freeEnergy(state, chains)), tf.mean(freeEnergy(state, v, inputs))),
  };
}
