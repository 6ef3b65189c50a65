import { type NamedTensors, tf } from '@generatrix/export';
import { fillNoise, type HostTensor, hostTensor, type InputSpec, sizeOf } from '@generatrix/runtime/core';
import { type Chain, chainProgram } from '../../core/chain.ts';
import type { Dataset } from '../../data/dataset.ts';
import type { ModelProgram } from '../../model/model.ts';
import { binarise } from '../../nn/distributions.ts';
import { type Bipartite, type GibbsNoise, hiddenInputs } from './bipartite.ts';

/**
 * Annealed importance sampling of a machine of two layers (Salakhutdinov and Murray 2008, section 4.1), between
 * independent units that have the data's means, whose partition function is known, and the machine:
 *
 *   f_k(v) = exp((1 - b_k) a v + b_k b v) prod_j (1 + exp(b_k (c_j + v W_j))),   b_0 = 0 ... b_K = 1
 *   Z_0 = 2^H prod_i (1 + exp(a_i))
 *
 * with the data's log odds a. The machine of b_k moves by block Gibbs steps.
 */

/**
 * Places on the way from no interaction (0) to the model (1), as Salakhutdinov and Murray 2008, section 5, spread their
 * 14,500 temperatures: 500 evenly up to 0.5, 4,000 up to 0.9 and 10,000 up to 1.
 */
const stretches = [
  { until: 500 / 14_500, from: 0, to: 0.5 },
  { until: 4500 / 14_500, from: 0.5, to: 0.9 },
  { until: 1, from: 0.9, to: 1 },
] as const;

/** The inverse temperature number `index` of those from 0 to `last`, 0 to 1: scalars. */
export function temperatureOf(index: tf.Tensor, last: tf.Tensor): tf.Tensor {
  const place = tf.div(index, last);
  let begins = 0;
  let value: tf.Tensor = tf.scalar(0);
  for (const { until, from, to } of stretches) {
    const share = tf.div(tf.sub(tf.minimum(tf.maximum(place, begins), until), begins), until - begins);
    value = tf.add(value, tf.mul(to - from, share));
    begins = until;
  }
  // Rounding may leave the last a little short of the model itself.
  return tf.where(tf.greaterEqual(index, last), tf.scalar(1), value);
}

/** A machine, and the log odds of the independent units that it is compared with, a [V]. */
interface Annealed extends Bipartite {
  readonly odds: tf.Tensor;
}

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

/** Units that are on with these log odds, each by itself: [count, V]. */
export function independentUnits(odds: ArrayLike<number>, count: number, seed: number): HostTensor {
  const shape = [odds.length];
  const noise = fillNoise({ distribution: 'uniform', seed, stream: 'chains', firstIndex: 0, count, shape });
  const values = noise.map((u, i) => (u < 1 / (1 + Math.exp(-odds[i % odds.length]!)) ? 1 : 0));
  return hostTensor('float32', [count, odds.length], values);
}

/** log Z_0, nats: a scalar. */
function baseLogPartition({ odds, hiddenBias }: Annealed): tf.Tensor {
  return tf.add(tf.sum(tf.softplus(odds)), hiddenBias.shape[0]! * Math.LN2);
}

/** log f_k(v) - log f_{k-1}(v), unit by unit so that little is lost to rounding: [batch, V] to [batch, 1]. */
function logRatio(machine: Annealed, v: tf.Tensor, before: tf.Tensor, after: tf.Tensor): tf.Tensor {
  const inputs = hiddenInputs(machine, v); // [batch, H]
  const rise = tf.sub(tf.softplus(tf.mul(after, inputs)), tf.softplus(tf.mul(before, inputs)));
  const visible = tf.mul(v, tf.sub(machine.visibleBias, machine.odds));
  return tf.add(tf.sum(rise, 1, true), tf.mul(tf.sub(after, before), tf.sum(visible, 1, true)));
}

/** A block Gibbs step of the machine between: h ~ p_k(h | v), v ~ p_k(v | h). [batch, V] to [batch, V]. */
function annealedStep(machine: Annealed, v: tf.Tensor, at: tf.Tensor, noise: GibbsNoise): tf.Tensor {
  const weights = machine.weights as tf.Tensor2D;
  const h = binarise(tf.sigmoid(tf.mul(at, hiddenInputs(machine, v))), noise.hidden) as tf.Tensor2D;
  const model = tf.add(tf.matMul(h, weights, false, true), machine.visibleBias);
  const inputs = tf.add(tf.mul(tf.sub(1, at), machine.odds), tf.mul(at, model));
  return binarise(tf.sigmoid(inputs), noise.visible);
}

export interface Annealing {
  /** The machine that a state holds. */
  readonly machine: (state: NamedTensors) => Annealed;
  readonly visible: number;
  readonly hidden: number;
  /** An example in the data's shape of the visible units [batch, V]. */
  readonly example: (values: tf.Tensor) => tf.Tensor;
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
  machine,
  visible,
  hidden,
  example,
  shape,
  temperatures,
  stepsPerCall,
}: Annealing): { readonly anneal: ModelProgram; readonly annealBack: ModelProgram } {
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
      [end]: example(values!),
      logWeight: tf.squeeze(weight!, [1]),
    }),
  });
  const data: InputSpec = { dtype: 'float32', shape: [...shape], role: 'data' };
  const startWeight = (state: NamedTensors, values: tf.Tensor) =>
    tf.add(baseLogPartition(machine(state)), tf.mul(0, tf.slice(values, [0, 0], [-1, 1]))); // [batch, 1]
  return {
    anneal: chainProgram({
      ...common,
      ...ending('data'),
      start: (state, { noise }) => {
        const values = binarise(tf.sigmoid(machine(state).odds), noise.visible!);
        return { values, weight: startWeight(state, values) };
      },
      step: (state, { values, weight }, { index, steps, noise }) => {
        const [before, at] = [tf.sub(index, 1), index].map((k) => temperatureOf(k, tf.sub(steps, 1)));
        return {
          values: annealedStep(machine(state), values!, at!, noise as unknown as GibbsNoise),
          weight: tf.add(weight!, logRatio(machine(state), values!, before!, at!)),
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
        const moved = annealedStep(machine(state), values!, at!, noise as unknown as GibbsNoise);
        return { values: moved, weight: tf.add(weight!, logRatio(machine(state), moved, before!, at!)) };
      },
    }),
  };
}
