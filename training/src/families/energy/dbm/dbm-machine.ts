import { type NamedTensors, tf } from '@generatrix/export';
import { type Bipartite, freeEnergy, hiddenInputs } from '../bipartite.ts';

/** Parameters of a Boltzmann machine of V visible units and two hidden layers of H and K, by their names in the state. */
export const dbmNames = {
  bottom: 'weights/1', // W [V, H]
  top: 'weights/2', // U [H, K]
  visibleBias: 'visible/bias', // b [V]
  firstBias: 'hidden/1/bias', // c [H]
  secondBias: 'hidden/2/bias', // d [K]
} as const;

/** The layers are a bipartite machine as well: the first hidden layer on one side, (v, h2) on the other. */
export function dbmOf(state: NamedTensors): Bipartite {
  return {
    weights: tf.concat([state[dbmNames.bottom]!, tf.transpose(state[dbmNames.top]!)], 0), // [V + K, H]
    visibleBias: tf.concat([state[dbmNames.visibleBias]!, state[dbmNames.secondBias]!], 0),
    hiddenBias: state[dbmNames.firstBias]!,
  };
}

/**
 * The layer alone as a machine, as greedy training sees it: where the other layer is not there, inputs of the first
 * hidden layer count twice in its place (Salakhutdinov and Hinton 2009, section 3.1).
 */
export function bottomAlone(state: NamedTensors) {
  const weights = state[dbmNames.bottom] as tf.Tensor2D;
  return {
    /** p(h1 | v): [batch, V] to [batch, H]. */
    up: (v: tf.Tensor) =>
      tf.sigmoid(tf.add(tf.mul(2, tf.matMul(v as tf.Tensor2D, weights)), state[dbmNames.firstBias]!)),
    /** Log odds of v given h1: [batch, H] to [batch, V]. */
    down: (h: tf.Tensor) =>
      tf.add(tf.matMul(h as tf.Tensor2D, weights, false, true), state[dbmNames.visibleBias]!),
  };
}

/** Likewise the layer above it. */
export function topAlone(state: NamedTensors) {
  const weights = state[dbmNames.top] as tf.Tensor2D;
  return {
    /** p(h2 | h1): [batch, H] to [batch, K]. */
    up: (h: tf.Tensor) =>
      tf.sigmoid(tf.add(tf.matMul(h as tf.Tensor2D, weights), state[dbmNames.secondBias]!)),
    /** Log odds of h1 given h2: [batch, K] to [batch, H]. */
    down: (h: tf.Tensor) =>
      tf.add(tf.mul(2, tf.matMul(h as tf.Tensor2D, weights, false, true)), state[dbmNames.firstBias]!),
  };
}

/** What mean field found: q(h1, h2 | v) as independent units. */
export interface MeanField {
  readonly first: tf.Tensor; // [batch, H]
  readonly second: tf.Tensor; // [batch, K]
  readonly secondInputs: tf.Tensor; // log odds of `second`
}

/**
 * Mean field by turns (Salakhutdinov and Hinton 2009, eq. 8 and 9): each layer's means given the other's, so many times,
 * the first layer last, from a pass upwards.
 */
export function meanField(state: NamedTensors, v: tf.Tensor, turns: number): MeanField {
  const weights = state[dbmNames.top] as tf.Tensor2D;
  const fromData = tf.add(
    tf.matMul(v as tf.Tensor2D, state[dbmNames.bottom] as tf.Tensor2D),
    state[dbmNames.firstBias]!,
  );
  let first: tf.Tensor = bottomAlone(state).up(v);
  let [second, secondInputs]: [tf.Tensor, tf.Tensor] = [first, first];
  for (let turn = 0; turn < turns; turn++) {
    secondInputs = tf.add(tf.matMul(first as tf.Tensor2D, weights), state[dbmNames.secondBias]!);
    second = tf.sigmoid(secondInputs);
    first = tf.sigmoid(tf.add(fromData, tf.matMul(second as tf.Tensor2D, weights, false, true)));
  }
  return { first, second, secondInputs };
}

/**
 * Variational free energy, nats: F(v) with log p(v) >= -F(v) - log Z (Salakhutdinov and Hinton 2009, eq. 6). The first
 * layer is summed out exactly given the means of the second. [batch, V] to [batch].
 */
export function variationalFreeEnergy(state: NamedTensors, v: tf.Tensor, turns: number): tf.Tensor1D {
  const machine = dbmOf(state);
  const { second, secondInputs } = meanField(state, v, turns);
  const both = tf.concat([v, second], 1); // [batch, V + K]
  const negativeEntropy = tf.sum(tf.sub(tf.mul(second, secondInputs), tf.softplus(secondInputs)), 1);
  return tf.add(freeEnergy(machine, both, hiddenInputs(machine, both)), negativeEntropy);
}
