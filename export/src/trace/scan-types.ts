import type { NamedTensors } from './trace.ts';

export interface ScanStep {
  /** The carried tensors after this step: same names, types and shapes as before it. */
  readonly carries: NamedTensors;
  /** What this step contributes to the stacked results. */
  readonly outputs?: NamedTensors;
}

export interface ScanOptions {
  /** Initial carried tensors. */
  readonly carries: NamedTensors;
  /** Tensors whose first axis is walked, one slice a step; at least one, all of the same length. */
  readonly sequences: NamedTensors;
  /**
   * One step; a pure function. It may use tensors of its surroundings. Where a gradient is taken of a traced scan, it
   * runs twice: once for the loop and once for the loop of the gradient.
   */
  readonly body: (carries: NamedTensors, slices: NamedTensors) => ScanStep;
  /** From the last slices to the first; what a step returns stands where its slices stood. Default false. */
  readonly reverse?: boolean;
}

export interface ScanResult {
  /** The carried tensors after the last step. */
  readonly carries: NamedTensors;
  /** What the steps returned, stacked along a new first axis. */
  readonly outputs: NamedTensors;
}
