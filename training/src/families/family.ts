import type { ForcedDraws, NamedTensors, tf } from '@generatrix/export';
import type {
  Batching,
  DataSpec,
  HostTensor,
  NoiseSpec,
  ProgramSignature,
  StateSpec,
} from '@generatrix/runtime/core';
import type { z } from 'zod';
import type { Dataset } from '../data/dataset.ts';

/** Everything training carries from step to step: parameters, optimizer slots, running statistics. */
export type HostState = Record<string, HostTensor>;

/** What a family needs to know of the data to build a model. */
export interface DataDescription {
  readonly spec: DataSpec;
  /** Names of the classes; empty when the data is unlabelled. */
  readonly classNames: readonly string[];
  /** Share of the training examples that each class has; absent when the data is unlabelled. */
  readonly classFrequencies?: readonly number[];
}

export type { StateSpec } from '@generatrix/runtime/core';
export type StateSpecs = Record<string, StateSpec>;

export type { NoiseSpec } from '@generatrix/runtime/core';

/** What every training step is given. */
export interface StepArguments {
  readonly state: NamedTensors;
  /** [batch, ...data shape], in the data set's range. */
  readonly data: tf.Tensor;
  /** [batch] int32 class indices; zeros when the data is unlabelled. */
  readonly label: tf.Tensor1D;
  /** [batch] 1 for an example, 0 for the padding of the last batch of a sweep. */
  readonly weight: tf.Tensor1D;
  /** Named as in the model's `step.noise`, each [batch, ...shape]. */
  readonly noise: NamedTensors;
  /** Scalar: the rate the schedule gives for this step. */
  readonly learningRate: tf.Scalar;
  /** Scalar: 1 at the last batch of an epoch, else 0. */
  readonly epochEnd: tf.Scalar;
}

export interface StepResult {
  /** The new state: the same names, types and shapes. */
  readonly state: NamedTensors;
  /** Scalars to report; `loss` is always among them. */
  readonly metrics: NamedTensors;
}

/** A whole training step as a pure function: forward, gradients, update. */
export interface Step {
  readonly noise: Record<string, NoiseSpec>;
  run(args: StepArguments): StepResult;
}

/** A program of a trained model, such as `sample`: a pure function of the state and its inputs. */
export interface ModelProgram {
  readonly signature: ProgramSignature;
  run(state: NamedTensors, inputs: NamedTensors): NamedTensors;
  /** As `forced` of the exporter's programs, for `sample` of a model that draws value after value. */
  forced?(state: NamedTensors, inputs: NamedTensors, drawn: tf.Tensor): ForcedDraws;
}

/** A model: a family with its options settled, for data of a known shape. */
export interface Model {
  readonly state: StateSpecs;
  /** Fills the state from data, where random numbers alone do not do (k-means++ of a mixture). */
  initialise?(state: HostState, dataset: Dataset, seed: number): HostState | Promise<HostState>;
  readonly step: Step;
  /** How examples reach the step. */
  readonly batching: Batching;
  readonly programs: Readonly<Record<string, ModelProgram>>;
  /** Number of free parameters, where information criteria (BIC, AIC) make sense. */
  readonly freeParameters?: number;
}

/** Settings of a training run that a family may give other defaults. */
export interface TrainingDefaults {
  readonly steps: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Constant when absent. */
  readonly schedule?: 'constant' | 'cosine';
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
  /** Papers whose equations the file implements. */
  readonly sources: readonly string[];
  /** Options with their defaults and descriptions; the command line's flags come from here. */
  readonly options: z.ZodType<Options> & { readonly shape: Readonly<Record<string, z.ZodType>> };
  readonly defaults: TrainingDefaults;
  /** Why this data cannot be modelled, in one line, or null when it can. */
  refuses(data: DataDescription, options: Options): string | null;
  build(options: Options, data: DataDescription): Model;
  readonly reproduce: Readonly<Record<string, Preset>>;
}

/** Keeps the options' type while the family is written, and forgets it in the registry. */
export function defineFamily<Options extends object>(family: Family<Options>): Family {
  return family as unknown as Family;
}
