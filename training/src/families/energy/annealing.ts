import { type NamedTensors, tf } from '@generatrix/export';
import type { InputSpec, NoiseDistribution } from '@generatrix/runtime/core';
import { type Chain, chainProgram } from '../../core/chain.ts';
import type { ModelProgram } from '../../model/model.ts';
import type { AnnealedPath } from './annealed-path.ts';
import type { GibbsNoise } from './bipartite.ts';

/**
 * Annealed importance sampling of a machine of two layers (Neal 2001; Salakhutdinov and Murray 2008, section 4.1): from
 * independent units, whose partition function is known, by inverse temperatures b_0 = 0 ... b_K = 1 to the machine.
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

export interface Annealing {
  /** The way to the machine that a state holds. */
  readonly path: (state: NamedTensors) => AnnealedPath;
  readonly visible: number;
  /** Of the noise that visible units are drawn by; uniform when absent. */
  readonly visibleNoise?: NoiseDistribution;
  readonly hidden: number;
  /** An example in the data's shape of the visible units [batch, V]. */
  readonly example: (values: tf.Tensor, state: NamedTensors) => tf.Tensor;
  /** The visible units [batch, V] of an example; its values in a row when absent. */
  readonly units?: (example: tf.Tensor, state: NamedTensors) => tf.Tensor;
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
  path,
  visible,
  visibleNoise = 'uniform',
  hidden,
  example,
  units = (x) => tf.reshape(x, [x.shape[0]!, visible]),
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
      visible: { distribution: visibleNoise, shape: [visible] },
    },
  } as const;
  /** `end` is what the chains' ends are called: ONNX lets no output have an input's name. */
  const ending = (end: string): Pick<Chain, 'outputs' | 'finish'> => ({
    outputs: {
      [end]: { dtype: 'float32', shape, meaning: 'data' },
      logWeight: { dtype: 'float32', shape: [], meaning: 'other' },
    },
    finish: (state, { values, weight }) => ({
      [end]: example(values!, state),
      logWeight: tf.squeeze(weight!, [1]),
    }),
  });
  const data: InputSpec = { dtype: 'float32', shape: [...shape], role: 'data' };
  const startWeight = (state: NamedTensors, values: tf.Tensor) =>
    tf.add(path(state).baseLogPartition, tf.mul(0, tf.slice(values, [0, 0], [-1, 1]))); // [batch, 1]
  return {
    anneal: chainProgram({
      ...common,
      ...ending('data'),
      start: (state, { noise }) => {
        const values = path(state).start(noise.visible!);
        return { values, weight: startWeight(state, values) };
      },
      step: (state, { values, weight }, { index, steps, noise }) => {
        const [before, at] = [tf.sub(index, 1), index].map((k) => temperatureOf(k, tf.sub(steps, 1)));
        return {
          values: path(state).step(values!, at!, noise as unknown as GibbsNoise),
          weight: tf.add(weight!, path(state).logRatio(values!, before!, at!)),
        };
      },
    }),
    annealBack: chainProgram({
      ...common,
      ...ending('start'),
      inputs: { data },
      start: (state, { inputs }) => {
        const values = units(inputs.data!, state);
        return { values, weight: startWeight(state, values) };
      },
      step: (state, { values, weight }, { index, steps, noise }) => {
        const last = tf.sub(steps, 1);
        const [at, before] = [tf.sub(steps, index), tf.sub(last, index)].map((k) => temperatureOf(k, last));
        const moved = path(state).step(values!, at!, noise as unknown as GibbsNoise);
        return { values: moved, weight: tf.add(weight!, path(state).logRatio(moved, before!, at!)) };
      },
    }),
  };
}
