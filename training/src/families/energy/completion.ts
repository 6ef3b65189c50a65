import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, meanScalar } from '@generatrix/runtime/core';
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

/** What a chain that completes examples of binary units is made of. */
interface CompletionChain {
  /** Of an example. */
  readonly shape: readonly number[];
  /** Width of the carries `values` and `probabilities`, whose first units are the example's. */
  readonly units: number;
  /** What the chain carries besides. */
  readonly carries?: Chain['carries'];
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** Uniform numbers for all units of the chain's start, [batch, units]. */
  readonly startNoise: (noise: NamedTensors) => tf.Tensor;
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
  readonly example: (values: tf.Tensor) => tf.Tensor;
}

/**
 * The program `complete`: a chain on the units that are not known, those of the first `rows` rows held at the example's,
 * binarised once. What is known comes back as it was given, to the bit.
 */
export function completionProgram(chain: CompletionChain): ModelProgram {
  const { shape, units, carries, noise, startNoise, startRest, step, example, steps = usualSteps } = chain;
  const scalar = { dtype: 'float32', shape: [], role: 'scalar', min: 0 } as const;
  const height = shape[0]!;
  const inputs = {
    given: { dtype: 'float32', shape, role: 'data' },
    rows: { ...scalar, default: Math.floor(height / 2), max: height },
    [meanScalar]: { ...scalar, default: 1, max: 1 },
  } as const satisfies Record<string, InputSpec>;
  const knownOf = ({ rows }: NamedTensors) => knownUnits(shape, units, rows!);
  /** The example's values, and zeros for the units past it: [batch, units]. */
  const givenOf = ({ given }: NamedTensors) => {
    const flat = tf.reshape(given!, [given!.shape[0]!, -1]) as tf.Tensor2D;
    return tf.pad2d(flat, [
      [0, 0],
      [0, units - flat.shape[1]],
    ]);
  };
  return chainProgram({
    ...{
      steps,
      mostSteps: 1_000_000,
      stepsPerCall: Math.min(chain.stepsPerCall ?? stepsPerCall, steps),
    },
    carries: { values: [units], probabilities: [units], ...carries },
    ...{ noise, inputs },
    outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
    start: (state, { noise, inputs }) => {
      const given = givenOf(inputs);
      const probabilities = tf.where(knownOf(inputs), given, tf.fill(given.shape, 0.5));
      const values = binarise(probabilities, startNoise(noise));
      return { values, probabilities, ...startRest?.(state, values, noise) };
    },
    step: (state, carries, { noise, inputs }) => {
      const known = knownOf(inputs);
      const moved = step(state, carries, { noise, known });
      return { ...moved, values: tf.where(known, carries.values!, moved.values!) };
    },
    finish: (_, { values, probabilities }, inputs) => {
      const drawn = tf.where(tf.equal(inputs[meanScalar]!, 1), probabilities!, values!);
      return { data: example(tf.where(knownOf(inputs), givenOf(inputs), drawn)) };
    },
  });
}

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
    startNoise: ({ visible }) => visible!,
    step: (state, { values }, { noise }) => ({
      ...gibbsStep(machine(state), values!, noise as unknown as GibbsNoise),
    }),
  });
}
