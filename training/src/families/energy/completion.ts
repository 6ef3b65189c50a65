import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, meanScalar, sizeOf } from '@generatrix/runtime/core';
import { type Chain, chainProgram } from '../../core/chain.ts';
import type { ModelProgram, NoiseSpec } from '../../model/model.ts';
import { binarise } from '../../nn/distributions.ts';
import { type GibbsNoise, gibbsStep } from './bipartite.ts';
import { type GibbsChain, stepsPerCall } from './machine-programs.ts';

/** Steps of a completion's chain when nobody says. */
const usualSteps = 200;

/** Which of `units` units are known, those of the first rows of an example: bool [1, units]. Units past the example never are. */
export function knownUnits(shape: readonly number[], units: number, rows: tf.Tensor): tf.Tensor {
  const [height = 1, ...rest] = shape;
  const inRow = rest.reduce((product, size) => product * size, 1);
  const row = Array.from({ length: units }, (_, unit) => Math.min(height, Math.floor(unit / inRow)));
  return tf.less(tf.tensor2d(row, [1, units]), rows);
}

/** What a chain that completes examples is made of. */
interface CompletionChain {
  /** Of an example. */
  readonly shape: readonly number[];
  /** Width of the carries `values` and `means`, whose first units are the example's. */
  readonly units: number;
  /** What the chain carries besides. */
  readonly carries?: Chain['carries'];
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** Values of the example's units, [batch, V], of those of the example in a row; these themselves when absent. */
  readonly unitsOf?: (state: NamedTensors, given: tf.Tensor) => tf.Tensor;
  /** Where units begin. */
  readonly begin: {
    /** Mean of each that is not known. */
    readonly mean: number;
    /** Values of all, [batch, units], by their means, which of known ones are what was given. */
    readonly values: (means: tf.Tensor, noise: NamedTensors, known: tf.Tensor) => tf.Tensor;
  };
  /** The other carries at the start; zeros when absent. */
  readonly startRest?: (state: NamedTensors, values: tf.Tensor, noise: NamedTensors) => NamedTensors;
  /** The carries after a step, as if `values` were free; `known` is bool [1, units]. */
  readonly step: (
    state: NamedTensors,
    carries: NamedTensors,
    args: { readonly noise: NamedTensors; readonly known: tf.Tensor },
  ) => NamedTensors;
  /** Of the chain when nothing else is asked for; 200 when absent. */
  readonly steps?: number;
  /** As many as a machine's chains take when absent. */
  readonly stepsPerCall?: number;
  /** An example of the units' values. */
  readonly example: (values: tf.Tensor, state: NamedTensors) => tf.Tensor;
}

/**
 * The program `complete`: a chain on the units that are not known, those of the first `rows` rows held at the example's
 * (binary ones at what they are binarised to once). What is known comes back as it was given, to the bit.
 */
export function completionProgram(chain: CompletionChain): ModelProgram {
  const { shape, units, carries, noise, unitsOf, begin, startRest, step, example } = chain;
  const { steps = usualSteps } = chain;
  const scalar = { dtype: 'float32', shape: [], role: 'scalar', min: 0 } as const;
  const height = shape[0]!;
  const inputs = {
    given: { dtype: 'float32', shape, role: 'data' },
    rows: { ...scalar, default: Math.floor(height / 2), max: height },
    [meanScalar]: { ...scalar, default: 1, max: 1 },
  } as const satisfies Record<string, InputSpec>;
  const knownOf = ({ rows }: NamedTensors) => knownUnits(shape, units, rows!);
  /** Units of the example, and zeros for those past it: [batch, units]. */
  const givenOf = (state: NamedTensors, { given }: NamedTensors) => {
    const flat = tf.reshape(given!, [given!.shape[0]!, -1]);
    const own = (unitsOf?.(state, flat) ?? flat) as tf.Tensor2D;
    return tf.pad2d(own, [
      [0, 0],
      [0, units - own.shape[1]],
    ]);
  };
  return chainProgram({
    ...{
      steps,
      mostSteps: 1_000_000,
      stepsPerCall: Math.min(chain.stepsPerCall ?? stepsPerCall, steps),
    },
    carries: { values: [units], means: [units], ...carries },
    ...{ noise, inputs },
    outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
    start: (state, { noise, inputs }) => {
      const [given, known] = [givenOf(state, inputs), knownOf(inputs)];
      const means = tf.where(known, given, tf.fill(given.shape, begin.mean));
      const values = begin.values(means, noise, known);
      return { values, means, ...startRest?.(state, values, noise) };
    },
    step: (state, carries, { noise, inputs }) => {
      const known = knownOf(inputs);
      const moved = step(state, carries, { noise, known });
      return { ...moved, values: tf.where(known, carries.values!, moved.values!) };
    },
    finish: (state, { values, means }, inputs) => {
      const drawn = tf.where(tf.equal(inputs[meanScalar]!, 1), means!, values!);
      const known = tf.reshape(knownUnits(shape, sizeOf(shape), inputs.rows!), [1, ...shape]);
      return { data: tf.where(known, inputs.given!, example(drawn, state)) };
    },
  });
}

/** Binary units begin as fair coins, by the uniform numbers of a noise input [batch, units]. */
export const fairCoins = (name: string): CompletionChain['begin'] => ({
  mean: 0.5,
  values: (means, noise) => binarise(means, noise[name]!),
});

/** Completion by block Gibbs steps of a machine of two sides, whose visible side begins with the example. */
export function gibbsCompletion({
  machine,
  visible,
  hidden,
  example,
  shape,
}: Omit<GibbsChain, 'steps'>): ModelProgram {
  return completionProgram({
    ...{ shape, units: visible, example },
    noise: {
      hidden: { distribution: 'uniform', shape: [hidden] },
      visible: { distribution: 'uniform', shape: [visible] },
    },
    begin: fairCoins('visible'),
    step: (state, { values: v }, { noise }) => {
      const { values, probabilities } = gibbsStep(machine(state), v!, noise as unknown as GibbsNoise);
      return { values, means: probabilities };
    },
  });
}
