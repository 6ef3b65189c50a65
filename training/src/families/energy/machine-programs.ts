import { type NamedTensors, tf } from '@generatrix/export';
import { type InputSpec, type OutputSpec, sizeOf } from '@generatrix/runtime/core';
import { z } from 'zod';
import { markovChainPrograms, sampleStepsOption } from '../../core/chain.ts';
import type { TrainingDefaults } from '../../model/family.ts';
import type { ModelProgram } from '../../model/model.ts';
import { binarise } from '../../nn/distributions.ts';
import { type Bipartite, type GibbsNoise, gibbsStep } from './bipartite.ts';

/** Options of every machine: how its programs go when nothing else is asked for. */
export const machineOptions = {
  sampleSteps: sampleStepsOption(1000),
  temperatures: z
    .number()
    .int()
    .min(2)
    .max(1_000_000)
    .default(10_000)
    .describe('temperatures by which the partition function is estimated, when nothing else is asked for'),
};

/** How machines of binary units train when nothing else is asked for: plain stochastic gradient, falling to 0. */
export const machineDefaults: TrainingDefaults = {
  steps: 20_000,
  batchSize: 100,
  learningRate: 0.01,
  optimizer: 'sgd',
  momentum: 0,
  schedule: 'linear',
};

/** Steps of a machine's chains in one call: their noise is held at a time. */
export const stepsPerCall = 50;

/** Examples as binary units: [batch, ...shape] in [0, 1] and as many uniform numbers to [batch, V]. */
export function binaryUnits(x: tf.Tensor, uniform: tf.Tensor): tf.Tensor {
  return tf.reshape(binarise(x, uniform), [x.shape[0]!, sizeOf(x.shape.slice(1))]);
}

export interface GibbsChain {
  /** The machine that a state holds. */
  readonly machine: (state: NamedTensors) => Bipartite;
  readonly visible: number;
  readonly hidden: number;
  /** An example in the data's shape of the visible units [batch, V], or of their probabilities. */
  readonly example: (values: tf.Tensor) => tf.Tensor;
  /** Of an example. */
  readonly shape: readonly number[];
  readonly steps: number;
}

/**
 * The programs `advance` and `transition`: a block Gibbs chain from fair coins. Its samples are the machine's only as far
 * as it has mixed. At another `temperature` T than 1 it is the chain of the machine with exp(-E / T).
 */
export function gibbsPrograms({ machine, visible, hidden, example, shape, steps }: GibbsChain) {
  return markovChainPrograms({
    ...{ steps, mostSteps: 1_000_000, stepsPerCall: Math.min(steps, stepsPerCall) },
    carries: { values: [visible], probabilities: [visible] },
    example: 'values',
    noise: {
      hidden: { distribution: 'uniform', shape: [hidden] },
      visible: { distribution: 'uniform', shape: [visible] },
    },
    inputs: {
      mean: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0, max: 1 },
      temperature: { dtype: 'float32', shape: [], role: 'scalar', default: 1, min: 0.1, max: 10 },
    },
    outputs: { data: { dtype: 'float32', shape, meaning: 'data' } },
    start: (_, { noise }) => {
      const fair = tf.fill(noise.visible!.shape, 0.5);
      return { values: binarise(fair, noise.visible!), probabilities: fair };
    },
    step: (state, { values }, { noise, inputs }) => ({
      ...gibbsStep(machine(state), values!, noise as unknown as GibbsNoise, inputs.temperature),
    }),
    finish: (_, { values, probabilities }, { mean }) => ({
      data: example(tf.where(tf.equal(mean!, 1), probabilities!, values!)),
    }),
  });
}

/** A program of examples [batch, ...shape], binarised by noise that belongs to them, with one output. */
export function programOfExamples(
  shape: readonly number[],
  output: string,
  spec: OutputSpec,
  value: (state: NamedTensors, v: tf.Tensor) => tf.Tensor,
): ModelProgram {
  const uniform: InputSpec = {
    ...{ dtype: 'float32', shape, role: 'noise', distribution: 'uniform', belongsTo: 'example' },
  };
  return {
    signature: {
      inputs: { data: { dtype: 'float32', shape, role: 'data' }, uniform },
      outputs: { [output]: spec },
    },
    run: (state, { data, uniform }) => ({ [output]: value(state, binaryUnits(data!, uniform!)) }),
  };
}
