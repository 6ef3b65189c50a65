import type { HostTensor, StepInputs } from '@generatrix/runtime/core';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';

/** Runs a model's step and programs with a state that the trainer holds where the device wants it. */
export interface Trainer {
  /** What runs it, for reports: `onnx on cpu`, `tfjs on tensorflow`. */
  readonly description: string;
  setState(state: HostState): Promise<void>;
  /** A copy of the state on the host. */
  getState(): Promise<HostState>;
  /** One step; the new state replaces the old. Returns the step's metrics. */
  step(inputs: StepInputs): Promise<Record<string, number>>;
  /**
   * How many steps the trainer would take at once next, as far as it has measured: several in one run may be faster.
   * Fewer are welcome, and the result is the same bit for bit.
   */
  readonly blockSize: number;
  /** Several steps one after another, at least one. Returns the metrics of each. */
  steps(inputs: readonly StepInputs[]): Promise<Record<string, number>[]>;
  /** Runs one of the model's programs with the current state. */
  run(program: string, inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>;
  release(): Promise<void>;
}

export type EngineName = 'onnx' | 'tfjs';

/** Makes trainers. */
export interface Engine {
  readonly name: EngineName;
  prepare(model: Model, shapes: { batchSize: number; dataShape: readonly number[] }): Promise<Trainer>;
}
