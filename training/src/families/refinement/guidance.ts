import { type NamedTensors, tf } from '@generatrix/export';
import type { InputSpec, NoiseSpec } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { DataDescription } from '../../model/family.ts';
import type { Denoiser, Told } from './denoiser.ts';

/** Options of models that may be told the class. */
export const guidanceOptions = {
  conditional: z.boolean().default(false).describe('condition on the class of the example'),
  guidance: z
    .number()
    .min(0)
    .max(20)
    .default(1)
    .describe(
      'weight of the class in samples when nothing else is asked for: 1 as trained, more for clearer classes',
    ),
  labelDropout: z
    .number()
    .min(0)
    .max(0.9)
    .default(0.1)
    .describe('share of the examples whose class is not told in training'),
} as const;
const settings = z.strictObject(guidanceOptions);
export type GuidanceOptions = z.infer<typeof settings>;

/** Number of classes that the model is told; 0 for none. */
export function classesOf({ conditional }: GuidanceOptions, { classNames }: DataDescription): number {
  return conditional ? classNames.length : 0;
}

/** Why the data cannot be conditioned on, or there is no class to weigh; null where all is well. */
export function guidanceRefuses(
  { conditional, guidance }: GuidanceOptions,
  { classNames }: DataDescription,
): string | null {
  if (conditional && classNames.length === 0) return 'conditional needs labelled data; leave it out';
  return !conditional && guidance !== settings.shape.guidance.parse(undefined)
    ? `guidance ${guidance} weighs the class, which the model is not told; add --conditional or leave it out`
    : null;
}

/** What hides classes in training. */
export function hidingNoise(classes: number): Readonly<Record<string, NoiseSpec>> {
  return classes > 0 ? { hidden: { distribution: 'uniform', shape: [1] } } : {};
}

/** Labels of which some are replaced by the number of classes, which stands for none: [batch] int32 to the same. */
export function partlyHidden(
  label: tf.Tensor,
  uniform: tf.Tensor,
  classes: number,
  share: number,
): tf.Tensor {
  const hide = tf.less(tf.squeeze(uniform, [1]), share);
  return tf.where(hide, tf.fill(label.shape, classes, 'int32'), label);
}

/** Inputs of a program that draws by class, with guidance: none where there are no classes. */
export function guidanceInputs(classes: number, guidance: number): Readonly<Record<string, InputSpec>> {
  if (classes === 0) return {};
  return {
    ...labelInput(classes),
    guidance: { dtype: 'float32', shape: [], role: 'scalar', default: guidance, min: 0, max: 20 },
  };
}

/** The class, as an input: none where there are no classes. */
export function labelInput(classes: number): Readonly<Record<string, InputSpec>> {
  return classes === 0 ? {} : { label: { dtype: 'int32', shape: [], role: 'label', classes } };
}

/**
 * Classifier-free guidance (Ho and Salimans 2022, eq. 6, with w = guidance - 1):
 *
 *   f(x | none) + guidance (f(x | y) - f(x | none))
 *
 * so that 1 is the conditional network alone and 0 the one that is told nothing. It holds for velocity, epsilon and v
 * alike, which are linear in each other at a given x and time. [batch, ...shape]
 */
export function guided(
  network: Denoiser,
  classes: number,
  state: NamedTensors,
  x: tf.Tensor,
  told: Omit<Told, 'label'>,
  { label, guidance }: NamedTensors,
): tf.Tensor {
  if (classes === 0) return network.apply(state, x, told);
  const none = network.apply(state, x, { ...told, label: tf.fill([1], classes, 'int32') });
  const known = network.apply(state, x, { ...told, label: label! });
  return tf.add(none, tf.mul(guidance!, tf.sub(known, none)));
}
