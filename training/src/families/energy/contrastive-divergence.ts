import { tf } from '@generatrix/export';
import { type Bipartite, conditionalLogProb, freeEnergy, hiddenInputs, hiddenMean } from './bipartite.ts';

/**
 * The gradient of the mean of -log p over a batch, whose expectation under the model is taken at what chains of Gibbs
 * steps have come to (Hinton 2002, eq. 5; Tieleman 2008):
 *
 *   d(-log p) / dW = E_chains[v' p(h | v)] - E_data[v' p(h | v)],   likewise for the biases
 *
 * @param v data, binary, [batch, V]
 * @param chains where chains are after their steps, binary, [n, V]
 */
export function divergenceGradients(machine: Bipartite, v: tf.Tensor, chains: tf.Tensor): Bipartite {
  const [positive, negative] = [v, chains].map((x) => ({ x, h: hiddenMean(machine, x) }));
  const products = ({ x, h }: { x: tf.Tensor; h: tf.Tensor }) =>
    tf.div(tf.matMul(x as tf.Tensor2D, h as tf.Tensor2D, true), x.shape[0]!);
  return {
    weights: tf.sub(products(negative!), products(positive!)),
    visibleBias: tf.sub(tf.mean(negative!.x, 0), tf.mean(positive!.x, 0)),
    hiddenBias: tf.sub(tf.mean(negative!.h, 0), tf.mean(positive!.h, 0)),
  };
}

/**
 * What a step reports: no likelihood, as that needs Z. `loss` is minus the pseudo-log-likelihood, estimated from one unit
 * of each example; `freeEnergyGap` the mean free energy of chains less that of data.
 * @param unit uniform, [batch, 1]: which unit is looked at
 */
export function divergenceMetrics(machine: Bipartite, v: tf.Tensor, chains: tf.Tensor, unit: tf.Tensor) {
  const units = v.shape[1]!;
  const inputs = hiddenInputs(machine, v);
  // Where the number is close to 1 the product may round to `units` itself.
  const index = tf.cast(tf.minimum(tf.floor(tf.mul(tf.squeeze(unit, [1]), units)), units - 1), 'int32');
  const mask = tf.cast(tf.equal(tf.expandDims(index, 1), tf.range(0, units, 1, 'int32')), 'float32');
  const value = tf.sum(tf.mul(mask, v), 1, true); // [batch, 1]
  const weights = tf.gather(machine.weights, index); // [batch, H]
  const bias = tf.expandDims(tf.gather(machine.visibleBias, index), 1);
  const conditional = conditionalLogProb(inputs, value, weights, bias);
  return {
    loss: tf.neg(tf.mul(units, tf.mean(conditional))),
    freeEnergyGap: tf.sub(tf.mean(freeEnergy(machine, chains)), tf.mean(freeEnergy(machine, v, inputs))),
  };
}
