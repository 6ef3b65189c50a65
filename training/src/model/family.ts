import type { DataSpec, FieldSpec, ModelDescription } from '@generatrix/runtime/core';
import type { z } from 'zod';
import { classFrequencies, type Dataset } from '../data/dataset.ts';
import type { Model } from './model.ts';
import type { SettledTraining, TrainingOptions } from './training-options.ts';

/** What a family needs to know of the data to build a model. */
export interface DataDescription {
  readonly spec: DataSpec;
  /** Names of the classes; empty when the data is unlabelled. */
  readonly classNames: readonly string[];
  /** What there is of each example besides, by name; absent when there is nothing. */
  readonly fields?: Readonly<Record<string, FieldSpec>>;
  /** Share of the training examples that each class has; absent when the data is unlabelled. */
  readonly classFrequencies?: readonly number[];
}

/** Settings of a training run that a family may give other defaults. */
export interface TrainingDefaults extends TrainingOptions {
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Constant when absent. */
  readonly schedule?: 'constant' | 'cosine' | 'linear' | 'step' | 'exponential';
}

/** A model whose step is composed by the options of the run: `gradientModel` makes one. */
export interface Trainable {
  /** @param batchSize examples of a step, for what the state holds of each, such as a chain of its own */
  compose(training: SettledTraining, batchSize?: number): Model;
}

/** Published settings that a command can repeat. */
export interface Preset {
  readonly summary: string;
  readonly data: string;
  readonly options: Record<string, unknown>;
  readonly training: Partial<TrainingDefaults>;
  readonly published: string;
}

/** A kind of generative model. One file defines one, and one line in the registry makes it known. */
export interface Family<Options extends object = object> {
  readonly name: string;
  readonly title: string;
  /** Where it stands in the taxonomy of deep generative models, from the root. */
  readonly taxonomy: readonly string[];
  /** The equation at its heart, in plain text; what follows `_` is written below the line, `<` with it: `x_<i`. */
  readonly equation: string;
  /** Papers whose equations the file implements. */
  readonly sources: readonly string[];
  /** Options with their defaults and descriptions; the command line's flags come from here. */
  readonly options: z.ZodType<Options> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  readonly defaults: TrainingDefaults;
  /** Why this data cannot be modelled, in one line, or null when it can. */
  refuses(data: DataDescription, options: Options): string | null;
  /** The model, or what becomes one by the options of training. Models that follow no gradient have no such options. */
  build(options: Options, data: DataDescription): Model | Trainable;
  readonly reproduce: Readonly<Record<string, Preset>>;
}

/** A family as its file declares it: what can be left out has a default. */
export type FamilyDeclaration<Options extends object> = Omit<Family<Options>, 'refuses' | 'reproduce'> &
  Partial<Pick<Family<Options>, 'refuses' | 'reproduce'>>;

/**
 * A family, complete: without `refuses` it takes all data, without `reproduce` it has no presets. Keeps the options'
 * type while the family is written, and forgets it in the registry.
 */
export function defineFamily<Options extends object>(family: FamilyDeclaration<Options>): Family {
  return { refuses: () => null, reproduce: {}, ...family } as unknown as Family;
}

/** What a bundle's manifest says of its family, so that who shows the model needs no table of families. */
export function familyDescription({ title, taxonomy, equation, sources }: Family): ModelDescription {
  return { title, taxonomy: [...taxonomy], equation, sources: [...sources] };
}

/** What a family is told of a data set. */
export function dataDescription(dataset: Dataset): DataDescription {
  const frequencies = classFrequencies(dataset);
  return {
    spec: dataset.spec,
    classNames: dataset.classNames,
    ...(dataset.fields && {
      fields: Object.fromEntries(Object.entries(dataset.fields).map(([name, { spec }]) => [name, spec])),
    }),
    ...(frequencies === undefined ? {} : { classFrequencies: frequencies }),
  };
}
