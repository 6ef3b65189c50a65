import { type NamedTensors, scan, tf } from '@generatrix/export';
import { bernoulliLogProb, binarise } from '../../../nn/distributions.ts';
import { type Bipartite, freeEnergy, hiddenInputs, hiddenMean, visibleMean } from '../bipartite.ts';

/**
 * Parameters of a belief network of layers 0 (the data) to L, by their names in the state: weights W_l [n_{l-1}, n_l]
 * between layers l - 1 and l, and biases b_l [n_l]. Layers 1 to L - 1 have a second bias r_l for recognition.
 */
export const dbnNames = {
  weights: (layer: number) => `weights/${layer}`,
  bias: (layer: number) => `bias/${layer}`,
  recognition: (layer: number) => `recognition/${layer}`,
} as const;

/**
 * Layers l - 1 and l as a machine, as greedy training sees them (Hinton, Osindero and Teh 2006, section 4): its visible
 * biases are those that the layer is generated with, its hidden ones recognise the layer above; the topmost is the machine
 * of the model itself.
 */
export function machineOf(state: NamedTensors, layer: number, top: number): Bipartite {
  return {
    weights: state[dbnNames.weights(layer)]!,
    visibleBias: state[dbnNames.bias(layer - 1)]!,
    hiddenBias: state[layer === top ? dbnNames.bias(layer) : dbnNames.recognition(layer)]!,
  };
}

/** Numbers that units of layer l are drawn by, each [batch, n_l]; in the place of draws, means where there is none. */
export type LayerNoise = (layer: number) => tf.Tensor | undefined;

function drawn(probabilities: tf.Tensor, uniform: tf.Tensor | undefined): tf.Tensor {
  return uniform === undefined ? probabilities : binarise(probabilities, uniform);
}

/** Layers 1 to `last` by recognition, q(h_l | h_{l-1}) = sigmoid(r_l + h_{l-1} W_l), after layer 0 itself: [batch, n_l] each. */
export function recognised(
  state: NamedTensors,
  v: tf.Tensor,
  { last, top, noise }: { readonly last: number; readonly top: number; readonly noise: LayerNoise },
): tf.Tensor[] {
  const layers = [v];
  for (let layer = 1; layer <= last; layer++)
    layers.push(drawn(hiddenMean(machineOf(state, layer, top), layers[layer - 1]!), noise(layer)));
  return layers;
}

/** Down from layer L - 1 to the data, p(h_{l-1} | h_l) = sigmoid(b_{l-1} + W_l h_l): layer 0 and its probabilities, [batch, V]. */
export function generated(
  state: NamedTensors,
  from: tf.Tensor,
  { top, noise }: { readonly top: number; readonly noise: LayerNoise },
): { readonly values: tf.Tensor; readonly probabilities: tf.Tensor } {
  let [values, probabilities] = [from, from];
  for (let layer = top - 1; layer >= 1; layer--) {
    probabilities = visibleMean(machineOf(state, layer, top), values);
    values = drawn(probabilities, noise(layer - 1));
  }
  return { values, probabilities };
}

/**
 * Free energy of an example and of layers drawn by recognition, nats (Salakhutdinov and Murray 2008, section 3):
 *
 *   sum_l [log q(h_l | h_{l-1}) - log p(h_{l-1} | h_l)] + F(h_{L-1}),   l from 1 to L - 1
 *
 * with the free energy F of the machine on top. The mean of its negative over draws is a bound of log p(v) + log Z, and the
 * mean of exp of its negative is p(v) Z itself.
 * @param layers 0 to L - 1, binary
 */
export function drawnFreeEnergy(state: NamedTensors, layers: readonly tf.Tensor[], top: number): tf.Tensor1D {
  const sums = layers.slice(1).map((h, below) => {
    const [machine, x] = [machineOf(state, below + 1, top), layers[below]!];
    const weights = machine.weights as tf.Tensor2D;
    const down = tf.add(tf.matMul(h as tf.Tensor2D, weights, false, true), machine.visibleBias);
    return tf.sub(
      tf.sum(bernoulliLogProb(h, hiddenInputs(machine, x)), 1),
      tf.sum(bernoulliLogProb(x, down), 1),
    );
  });
  return sums.reduce<tf.Tensor>(
    (sum, term) => tf.add(sum, term),
    freeEnergy(machineOf(state, top, top), layers.at(-1)!),
  ) as tf.Tensor1D;
}

/**
 * A Gibbs sweep through the units of a layer given the layers next to it, one after the other, as units that generate a
 * layer depend on each other where it is known (Neal 1992, "Connectionist learning of belief networks"):
 *
 *   log odds of h_j = prior_j + sum_i known_i [log p(x_i | h_j = 1, others) - log p(x_i | h_j = 0, others)]
 *
 * @param args.prior log odds given the layer above, [batch, n]
 * @param args.values of the layer, [batch, n]
 * @param args.below the layer that it generates, x [batch, m]
 * @param args.known 1 for units of that layer that are known and 0 for those summed out, [1, m]
 * @param args.uniform [batch, n]
 */
export function unitByUnit(
  machine: Bipartite,
  args: Readonly<Record<'prior' | 'values' | 'below' | 'known' | 'uniform', tf.Tensor>>,
): tf.Tensor {
  const { prior, values, below, known, uniform } = args;
  const weights = machine.weights as tf.Tensor2D;
  const unitsFirst = (x: tf.Tensor) => tf.expandDims(tf.transpose(x), 2); // [n, batch, 1]
  const { outputs } = scan({
    carries: {
      inputs: tf.add(tf.matMul(values as tf.Tensor2D, weights, false, true), machine.visibleBias), // [batch, m]
    },
    sequences: {
      column: tf.expandDims(tf.transpose(weights), 1), // [n, 1, m]
      ...{ prior: unitsFirst(prior), value: unitsFirst(values), uniform: unitsFirst(uniform) },
    },
    body: ({ inputs }, { column, prior, value, uniform }) => {
      const off = tf.sub(inputs!, tf.mul(value!, column!));
      const on = tf.add(off, column!);
      const each = tf.add(tf.mul(below, column!), tf.sub(tf.softplus(off), tf.softplus(on)));
      const gain = tf.sum(tf.mul(known, each), 1, true); // [batch, 1]
      const unit = binarise(tf.sigmoid(tf.add(prior!, gain)), uniform!);
      return {
        carries: { inputs: tf.add(off, tf.mul(unit, column!)) },
        outputs: { unit: tf.squeeze(unit, [1]) },
      };
    },
  });
  return tf.transpose(outputs.unit!);
}
