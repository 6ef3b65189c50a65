import type { NamedTensors, tf } from '@generatrix/export';
import type { InputSpec, NoiseSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import type { StateSpecs } from '../../model/state.ts';
import { newPass } from '../../nn/module.ts';
import { denoiser, denoiserOptions, denoiserRefuses, type Told } from './denoiser.ts';
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
  /** Classes as a training step tells them: some are hidden. [batch]; undefined where there are none. */
  hidden(label: tf.Tensor, noise: NamedTensors): tf.Tensor | undefined;
  /** The network in training. @param noise of the step, for dropout */
  trained(state: NamedTensors, x: tf.Tensor, told: Told, noise: NamedTensors): tf.Tensor;
  /** The network with guidance, by the inputs of a program. */
  guided(state: NamedTensors, x: tf.Tensor, told: Omit<Told, 'label'>, inputs: NamedTensors): tf.Tensor;
  /** The network as it was trained. */
  told(state: NamedTensors, x: tf.Tensor, told: Told): tf.Tensor;
}

/** @param knowsSteps whether the network is told the fineness of steps, as `Told` has it */
export function conditionalDenoiser(
  options: RefinementOptions,
  data: DataDescription,
  knowsSteps = false,
): ConditionalDenoiser {
  const classes = classesOf(options, data);
  const network = denoiser(options, data, classes, knowsSteps);
  return {
    parameters: network.parameters,
    noise: { ...hidingNoise(classes), ...network.noise },
    inputs: guidanceInputs(classes, options.guidance),
    labelInputs: labelInput(classes),
    hidden: (label, { hidden }) =>
      classes > 0 ? partlyHidden(label, hidden!, classes, options.labelDropout) : undefined,
    trained: (state, x, told, noise) => network.apply(state, x, told, newPass(true, noise)),
    guided: (state, x, told, inputs) => guided(network, classes, state, x, told, inputs),
    told: (state, x, told) => network.apply(state, x, told),
  };
}
