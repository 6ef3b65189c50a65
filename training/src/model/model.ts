import type { ForcedDraws, NamedTensors, tf } from '@generatrix/export';
import type { Batching, FieldSpec, NoiseSpec, ProgramSignature } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import type { HostState, ModelState } from './state.ts';
import type { SettledTraining } from './training-options.ts';

export type { NoiseSpec } from '@generatrix/runtime/core';

/** What every training step is given. */
export interface StepArguments {
  readonly state: NamedTensors;
  /** [batch, ...data shape], in the data set's range. */
  readonly data: tf.Tensor;
  /** [batch] int32 class indices; zeros when the data is unlabelled. */
  readonly label: tf.Tensor1D;
  /** What the examples are given besides, named as in the model's `step.conditions`, each [batch, ...shape]. */
  readonly conditions: NamedTensors;
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
  /** Fields of the data set that it takes with each example, by name. */
  readonly conditions?: Readonly<Record<string, FieldSpec>>;
  run(args: StepArguments): StepResult;
}

/** A program of a trained model, such as `sample`: a pure function of the state and its inputs. */
export interface ModelProgram {
  readonly signature: ProgramSignature;
  run(state: NamedTensors, inputs: NamedTensors): NamedTensors;
  /** As `forced` of the exporter's programs, for `sample` of a model that draws value after value. */
  forced?(state: NamedTensors, inputs: NamedTensors, drawn: tf.Tensor): ForcedDraws;
}

/** What the course of a metric says. */
export interface MetricSpec {
  /** Which way it goes when training goes well; `neither` where its height says nothing, as of a GAN's losses. */
  readonly direction: 'falls' | 'rises' | 'neither';
  /** In words, for reports; found from its name when absent. */
  readonly meaning?: string;
}

/** A stage of training with a step of its own: an autoencoder before the prior over its codes, one layer after another. */
export interface Phase {
  /** What reports call it, such as `autoencoder`. */
  readonly name: string;
  /** How many steps it takes. The last phase has none of its own: it takes the rest of the run. */
  readonly steps?: number;
  readonly step: Step;
  /** Of its steps, in place of the run's. */
  readonly batchSize?: number;
  /** Of its steps, in place of the run's. */
  readonly learningRate?: number;
}

/** A model: a family with its options settled, for data of a known shape. */
export interface Model {
  readonly state: ModelState;
  /** Fills the state from data, where random numbers alone do not do (k-means++ of a mixture). */
  initialise?(state: HostState, dataset: Dataset, seed: number): HostState | Promise<HostState>;
  /** Of a model that trains in phases, the step of the last. */
  readonly step: Step;
  /** First to last, two at least; absent where one step serves the whole run. */
  readonly phases?: readonly Phase[];
  /** Names of tensors that checkpoints of earlier releases have and the model no longer needs. */
  readonly retired?: readonly string[];
  /** How examples reach the step. */
  readonly batching: Batching;
  readonly programs: Readonly<Record<string, ModelProgram>>;
  /** Of what the step reports, for what is not said by the name; `loss` falls when it is not listed. */
  readonly metrics?: Readonly<Record<string, MetricSpec>>;
  /** How its step follows gradients; absent where it follows none. */
  readonly training?: SettledTraining;
  /**
   * Name of the parameter [values, units] between an example's values and the units next to them, as reports show it; of
   * its running mean, where there is one.
   */
  readonly filters?: string;
  /** Number of free parameters, where information criteria (BIC, AIC) make sense. */
  readonly freeParameters?: number;
}
