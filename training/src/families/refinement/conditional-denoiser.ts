import type { NamedTensors, tf } from '@generatrix/export';
import type { InputSpec, NoiseSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import type { StateSpecs } from '../../model/state.ts';
import { newPass } from '../../nn/module.ts';
import { denoiser, denoiserOptions, denoiserRefuses } from './denoiser.ts';
import {
  classesOf,
  guidanceInputs,
  guidanceOptions,
  guidanceRefuses,
  guided,
  hidingNoise,
  labelInput,
  partlyHidden,
} from './guidance.ts';

/** Options of every family of iterative refinement: the network, and the class that it may be told. */
export const refinementOptions = { ...denoiserOptions, ...guidanceOptions } as const;
const settings = z.strictObject(refinementOptions);
export type RefinementOptions = z.infer<typeof settings>;

/** Why the data cannot be refined by such a network, or null. */
export function refinementRefuses(data: DataDescription, options: RefinementOptions): string | null {
  return denoiserRefuses(data, options) ?? guidanceRefuses(options, data);
}

/** A denoiser that is told the class where the options say so, in training and in programs. */
export interface ConditionalDenoiser {
  readonly parameters: StateSpecs;
  /** What a training step draws: dropout, and which classes are hidden. */
  readonly noise: Readonly<Record<string, NoiseSpec>>;
  /** Inputs of programs that draw, with guidance; none where there are no classes. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** Inputs of programs about given examples: the class alone. */
  readonly labelInputs: Readonly<Record<string, InputSpec>>;
  /** The network in training: some classes are hidden from it. [batch, ...shape], time [batch] */
  trained(state: NamedTensors, x: tf.Tensor, time: tf.Tensor, batch: TrainingBatch): tf.Tensor;
  /** The network with guidance, by the inputs of a program. [batch, ...shape], time [1] */
  guided(state: NamedTensors, x: tf.Tensor, time: tf.Tensor, inputs: NamedTensors): tf.Tensor;
  /** The network as it was trained, told the class where there is one. [batch, ...shape], time [1] */
  told(state: NamedTensors, x: tf.Tensor, time: tf.Tensor, inputs: NamedTensors): tf.Tensor;
}

interface TrainingBatch {
  readonly label?: tf.Tensor | undefined;
  readonly noise: NamedTensors;
}

export function conditionalDenoiser(options: RefinementOptions, data: DataDescription): ConditionalDenoiser {
  const classes = classesOf(options, data);
  const network = denoiser(options, data, classes);
  return {
    parameters: network.parameters,
    noise: { ...hidingNoise(classes), ...network.noise },
    inputs: guidanceInputs(classes, options.guidance),
    labelInputs: labelInput(classes),
    trained: (state, x, time, { label, noise }) => {
      const told =
        classes > 0 ? partlyHidden(label!, noise.hidden!, classes, options.labelDropout) : undefined;
      return network.apply(state, x, time, told, newPass(true, noise));
    },
    guided: (state, x, time, inputs) => guided(network, classes, state, x, time, inputs),
    told: (state, x, time, { label }) => network.apply(state, x, time, label),
  };
}
