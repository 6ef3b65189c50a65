import type { NamedTensors, tf } from '@generatrix/export';
import type { NoiseSpec } from '@generatrix/runtime/core';
import type { StateSpecs } from '../model/state.ts';

/** How a network is being run: what its layers read besides their input, and where they leave what they measured. */
export interface Pass {
  /** Training normalises by the batch's own statistics and drops units; otherwise running statistics hold. */
  readonly training: boolean;
  /** Filled by a training pass: the batch's statistics, under the names of the running ones. */
  readonly moments: NamedTensors;
  /** The noise that the modules declare, by name, each [batch, ...shape]; a training pass needs it. */
  readonly noise?: NamedTensors;
  /** What conditioned blocks are told besides their input (a class, a time, a text): [batch, width]. */
  readonly condition?: tf.Tensor;
  /** The reference batch of virtual batch normalisation. */
  readonly reference?: ReferenceBatch;
}

/** Statistics of a fixed batch, by the layers' names. */
export interface ReferenceBatch {
  /** Number of its examples. */
  readonly size: number;
  /** Filled while the reference batch itself passes, read when others do. */
  readonly moments: NamedTensors;
  /** True while the reference batch itself passes. */
  readonly recording: boolean;
}

/** A pass that starts with nothing measured. */
export function newPass(training: boolean, noise: NamedTensors = {}): Pass {
  return { training, moments: {}, noise };
}

/** The pass of a network outside training, and of one in which nothing tells training from use. */
export const inference: Pass = Object.freeze({ training: false, moments: Object.freeze({}) });

/**
 * A layer or a network: the names, shapes and initial values of its state, and a pure function of that state. The
 * first axis of every input and output is the batch.
 */
export interface Module<Input = tf.Tensor, Output = tf.Tensor> {
  /** Parameters (what an optimizer changes) and statistics, in the order of the layers. */
  readonly specs: StateSpecs;
  /** Noise that a training pass needs for each example, by name; none when absent. */
  readonly noise?: Readonly<Record<string, NoiseSpec>>;
  apply(state: NamedTensors, x: Input, pass: Pass): Output;
}

/** What `sequential` takes: modules, and functions without a state, such as activations. */
export type Step = Module | ((x: tf.Tensor) => tf.Tensor);

/** Modules and functions, one after the other. */
export function sequential(steps: readonly Step[]): Module {
  return {
    ...declared(steps.filter((step) => typeof step !== 'function')),
    apply: (state, x, pass) =>
      steps.reduce((h, step) => (typeof step === 'function' ? step(h) : step.apply(state, h, pass)), x),
  };
}

/**
 * What several modules declare together: spread it into the module that is made of them.
 * @throws Error when two modules give one name to different tensors or noises
 */
export function declared(
  modules: readonly Pick<Module<never, unknown>, 'specs' | 'noise'>[],
): Required<Pick<Module, 'specs' | 'noise'>> {
  return {
    specs: merged(modules.map(({ specs }) => specs)),
    noise: merged(modules.map(({ noise = {} }) => noise)),
  };
}

function merged<Spec>(records: readonly Readonly<Record<string, Spec>>[]): Record<string, Spec> {
  const all: Record<string, Spec> = {};
  for (const [name, spec] of records.flatMap((record) => Object.entries(record))) {
    // One module used in two places declares the same object twice: that is sharing, and meant.
    if (name in all && all[name] !== spec) throw new Error(`two modules declare '${name}'`);
    all[name] = spec;
  }
  return all;
}
