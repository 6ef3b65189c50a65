import { scan, tf } from '@generatrix/export';
import { binarise } from '../../nn/distributions.ts';

/**
 * Two layers of binary units with connections between them only, V visible and H hidden ones:
 *
 *   E(v, h) = -b v - c h - v W h
 */
export interface Bipartite {
  readonly weights: tf.Tensor; // W [V, H]
  readonly visibleBias: tf.Tensor; // b [V]
  readonly hiddenBias: tf.Tensor; // c [H]
}

/** Inputs of the hidden units, c + v W: [batch, V] to [batch, H]. */
export function hiddenInputs(machine: Bipartite, v: tf.Tensor): tf.Tensor {
  const weights = machine.weights as tf.Tensor2D;
  return tf.add(tf.matMul(v as tf.Tensor2D, weights), machine.hiddenBias);
}

/** p(h_j = 1 | v) = sigmoid((c_j + v W_j) / T), T the scalar `temperature` or 1: [batch, V] to [batch, H]. */
export function hiddenMean(machine: Bipartite, v: tf.Tensor, temperature?: tf.Tensor): tf.Tensor {
  return meanAt(hiddenInputs(machine, v), temperature);
}

/** p(v_i = 1 | h) = sigmoid((b_i + W_i h) / T), T the scalar `temperature` or 1: [batch, H] to [batch, V]. */
export function visibleMean(machine: Bipartite, h: tf.Tensor, temperature?: tf.Tensor): tf.Tensor {
  const weights = machine.weights as tf.Tensor2D;
  const inputs = tf.add(tf.matMul(h as tf.Tensor2D, weights, false, true), machine.visibleBias);
  return meanAt(inputs, temperature);
}

function meanAt(inputs: tf.Tensor, temperature?: tf.Tensor): tf.Tensor {
  return tf.sigmoid(temperature === undefined ? inputs : tf.div(inputs, temperature));
}

/** What a block Gibbs step draws by: uniform numbers for all hidden units, then for all visible ones. */
export interface GibbsNoise {
  readonly hidden: tf.Tensor; // [batch, H]
  readonly visible: tf.Tensor; // [batch, V]
}

/**
 * One block Gibbs step h ~ p(h | v), v ~ p(v | h), of the machine at a temperature, 1 when absent: [batch, V] to the new
 * values and the probabilities they had.
 */
export function gibbsStep(
  machine: Bipartite,
  v: tf.Tensor,
  noise: GibbsNoise,
  temperature?: tf.Tensor,
): { readonly values: tf.Tensor; readonly probabilities: tf.Tensor } {
  const h = binarise(hiddenMean(machine, v, temperature), noise.hidden);
  const probabilities = visibleMean(machine, h, temperature);
  return { values: binarise(probabilities, noise.visible), probabilities };
}

/** So many block Gibbs steps, by noise [batch, steps, units] of either side: [batch, V] to [batch, V]. */
export function gibbsSteps(machine: Bipartite, from: tf.Tensor, noise: GibbsNoise): tf.Tensor {
  const stepsFirst = (x: tf.Tensor) => tf.transpose(x, [1, 0, 2]);
  const { carries } = scan({
    carries: { values: from },
    sequences: { hidden: stepsFirst(noise.hidden), visible: stepsFirst(noise.visible) },
    body: ({ values }, draws) => ({
      carries: { values: gibbsStep(machine, values!, draws as unknown as GibbsNoise).values },
    }),
  });
  return carries.values!;
}

/** Free energy F(v) = -b v - sum_j softplus(c_j + v W_j), so that p(v) = exp(-F(v)) / Z. [batch, V] to [batch], nats. */
export function freeEnergy(machine: Bipartite, v: tf.Tensor, inputs = hiddenInputs(machine, v)): tf.Tensor1D {
  const visible = tf.sum(tf.mul(v, machine.visibleBias), 1);
  return tf.neg(tf.add(visible, tf.sum(tf.softplus(inputs), 1)));
}

/**
 * log p(v_i | all other v) of one unit each, nats: log sigmoid(F(v with unit i flipped) - F(v)) (Marlin et al. 2010,
 * eq. 8), which needs no sum over states.
 * @param inputs of the hidden units, [batch, H]
 * @param v values of the unit, [batch, 1]
 * @param weights of the unit, [batch or 1, H]
 * @param bias of the unit, [batch or 1, 1]
 */
export function conditionalLogProb(
  inputs: tf.Tensor,
  v: tf.Tensor,
  weights: tf.Tensor,
  bias: tf.Tensor,
): tf.Tensor1D {
  const change = tf.sub(1, tf.mul(2, v)); // [batch, 1]: of v_i where it flips
  const flipped = tf.softplus(tf.add(inputs, tf.mul(change, weights))); // [batch, H]
  const rise = tf.neg(
    tf.add(tf.squeeze(tf.mul(change, bias), [1]), tf.sum(tf.sub(flipped, tf.softplus(inputs)), 1)),
  );
  return tf.neg(tf.softplus(tf.neg(rise))) as tf.Tensor1D;
}

/**
 * Pseudo-log-likelihood sum_i log p(v_i | all other v) (Besag 1975), nats: one unit after the other, so that memory does
 * not grow with their number. [batch, V] to [batch].
 */
export function pseudoLogLikelihood(machine: Bipartite, v: tf.Tensor): tf.Tensor1D {
  const inputs = hiddenInputs(machine, v);
  const [count = 0, units = 0] = v.shape;
  const { carries } = scan({
    carries: { sum: tf.mul(0, tf.sum(v, 1)) },
    sequences: {
      value: tf.reshape(tf.transpose(v), [units, count, 1]),
      weights: tf.expandDims(machine.weights, 1), // [V, 1, H]
      bias: tf.reshape(machine.visibleBias, [units, 1, 1]),
    },
    body: ({ sum }, { value, weights, bias }) => ({
      carries: { sum: tf.add(sum!, conditionalLogProb(inputs, value!, weights!, bias!)) },
    }),
  });
  return carries.sum as tf.Tensor1D;
}
