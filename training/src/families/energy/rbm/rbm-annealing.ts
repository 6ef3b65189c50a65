import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { type Chain, chainProgram } from '../../../core/chain.ts';
import type { Dataset } from '../../../data/dataset.ts';
import type { ModelProgram } from '../../../model/model.ts';
import { binarise } from '../../../nn/distributions.ts';
import { temperatureOf } from '../annealing.ts';
import type { GibbsNoise } from './contrastive-divergence.ts';
import { hiddenInputs, rbmNames } from './rbm-energy.ts';

/**
 * Annealed importance sampling of a restricted Boltzmann machine (Salakhutdinov and Murray 2008, section 4.1), between
 * independent units that have the data's means, whose partition function is known, and the machine:
 *
 *   f_k(v) = exp((1 - b_k) a v + b_k b v) prod_j (1 + exp(b_k (c_j + v W_j))),   b_0 = 0 ... b_K = 1
 *   Z_0 = 2^H prod_i (1 + exp(a_i))
 *
 * with the data's log odds a. The machine of b_k moves by block Gibbs steps.
 */

/** Name of the data's log odds in the state, [V]. */
export const baseRates = 'data/logOdds';

/** Examples that the data's means are taken over, spread over the data set. */
const largestSample = 10_000;

/** Log odds of the data's units, each mean as if it had been on once more and off once more: [V]. */
export async function logOddsOf(dataset: Dataset): Promise<Float32Array> {
  const units = sizeOf(dataset.spec.shape);
  const count = Math.min(dataset.size, largestSample);
  const { data } = await dataset.gather(
    Array.from({ length: count }, (_, i) => Math.floor((i * dataset.size) / count)),
  );
  const sums = new Float64Array(units);
  for (let i = 0; i < data.length; i++) sums[i % units]! += data[i]!;
  return Float32Array.from(sums, (sum) => Math.log((sum + 1) / (count - sum + 1)));
}

/** log Z_0, nats: a scalar. */
function baseLogPartition(state: NamedTensors): tf.Tensor {
  const hidden = state[rbmNames.hiddenBias]!.shape[0]!;
  return tf.add(tf.sum(tf.softplus(state[baseRates]!)), hidden * Math.LN2);
}

/** log f_k(v) - log f_{k-1}(v), unit by unit so that little is lost to rounding: [batch, V] to [batch, 1]. */
function logRatio(state: NamedTensors, v: tf.Tensor, before: tf.Tensor, after: tf.Tensor): tf.Tensor {
  const inputs = hiddenInputs(state, v); // [batch, H]
  const rise = tf.sub(tf.softplus(tf.mul(after, inputs)), tf.softplus(tf.mul(before, inputs)));
  const visible = tf.mul(v, tf.sub(state[rbmNames.visibleBias]!, state[baseRates]!));
  return tf.add(tf.sum(rise, 1, true), tf.mul(tf.sub(after, before), tf.sum(visible, 1, true)));
}

/** A block Gibbs step of the machine between: h ~ p_k(h | v), v ~ p_k(v | h). [batch, V] to [batch, V]. */
function annealedStep(state: NamedTensors, v: tf.Tensor, at: tf.Tensor, noise: GibbsNoise): tf.Tensor {
  const weights = state[rbmNames.weights] as tf.Tensor2D;
  const h = binarise(tf.sigmoid(tf.mul(at, hiddenInputs(state, v))), noise.hidden) as tf.Tensor2D;
  const model = tf.add(tf.matMul(h, weights, false, true), state[rbmNames.visibleBias]!);
  const inputs = tf.add(tf.mul(tf.sub(1, at), state[baseRates]!), tf.mul(at, model));
  return binarise(tf.sigmoid(inputs), noise.visible);
}

interface Machine {
  readonly visible: number;
  readonly hidden: number;
  /** Of an example. */
  readonly shape: readonly number[];
  /** Temperatures when nothing is said. */
  readonly temperatures: number;
  readonly stepsPerCall: number;
}

/**
 * The programs `anneal`, from the independent units to the machine, and `annealBack`, from examples to the units. The
 * mean of exp(logWeight) over chains of the first is Z; that of exp(-logWeight) over the second 1 / Z, where its
 * examples are drawn from the machine (Burda, Grosse and Salakhutdinov 2015, section 3), so that the one is a lower and
 * the other an upper bound of log Z in expectation.
 */
export function annealingPrograms({
  visible,
  hidden,
  shape,
  temperatures,
  stepsPerCall,
}: Machine): Record<string, ModelProgram> {
  const common = {
    steps: temperatures,
    mostSteps: 10_000_000,
    stepsPerCall,
    carries: { values: [visible], weight: [1] },
    noise: {
      hidden: { distribution: 'uniform', shape: [hidden] },
      visible: { distribution: 'uniform', shape: [visible] },
    },
  } as const;
  /** `end` is what the chains' ends are called: ONNX lets no output have an input's name. */
  const ending = (end: string): Pick<Chain, 'outputs' | 'finish'> => ({
    outputs: {
      [end]: { dtype: 'float32', shape, meaning: 'data' },
      logWeight: { dtype: 'float32', shape: [], meaning: 'other' },
    },
    finish: (_, { values, weight }) => ({
      [end]: tf.reshape(values!, [values!.shape[0]!, ...shape]),
      logWeight: tf.squeeze(weight!, [1]),
    }),
  });
  const data: InputSpec = { dtype: 'float32', shape: [...shape], role: 'data' };
  const startWeight = (state: NamedTensors, values: tf.Tensor) =>
    tf.add(baseLogPartition(state), tf.mul(0, tf.slice(values, [0, 0], [-1, 1]))); // [batch, 1]
  return {
    anneal: chainProgram({
      ...common,
      ...ending('data'),
      start: (state, { noise }) => {
        const values = binarise(tf.sigmoid(state[baseRates]!), noise.visible!);
        return { values, weight: startWeight(state, values) };
      },
      step: (state, { values, weight }, { index, steps, noise }) => {
        const [before, at] = [tf.sub(index, 1), index].map((k) => temperatureOf(k, tf.sub(steps, 1)));
        return {
          values: annealedStep(state, values!, at!, noise as unknown as GibbsNoise),
          weight: tf.add(weight!, logRatio(state, values!, before!, at!)),
        };
      },
    }),
    annealBack: chainProgram({
      ...common,
      ...ending('start'),
      inputs: { data },
      start: (state, { inputs }) => {
        const values = tf.reshape(inputs.data!, [inputs.data!.shape[0]!, visible]);
        return { values, weight: startWeight(state, values) };
      },
      step: (state, { values, weight }, { index, steps, noise }) => {
        const last = tf.sub(steps, 1);
        const [at, before] = [tf.sub(steps, index), tf.sub(last, index)].map((k) => temperatureOf(k, last));
        const moved = annealedStep(state, values!, at!, noise as unknown as GibbsNoise);
        return { values: moved, weight: tf.add(weight!, logRatio(state, moved, before!, at!)) };
      },
    }),
  };
}
