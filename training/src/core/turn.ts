import type { NamedTensors, tf } from '@generatrix/export';
import type { StepArguments } from '../model/model.ts';
import type { StateSpecs } from '../model/state.ts';

/** One who follows gradients of its own with an optimizer of its own: a plain model is one, a GAN two. */
export interface Player {
  /** What its optimizer changes. */
  readonly parameters: StateSpecs;
  /** Factor of its learning rate; 1 when absent. */
  readonly rate?: number | ((args: TurnArguments) => tf.Tensor);
  /** Brings its parameters back to where they may be, after each update. */
  constrain?(parameters: NamedTensors): NamedTensors;
}

/** A batch, or the part of one that gradients are taken of, and how far training is. */
export interface TurnArguments extends Pick<StepArguments, 'data' | 'label' | 'noise' | 'conditions'> {
  /** Scalar: steps done before this one, for annealing. */
  readonly step: tf.Scalar;
  /** Scalars: updates of each player before this one. */
  readonly updates: NamedTensors;
}

/** What a turn found. */
export interface TurnResult {
  /** For each player of the turn the gradients of its parameters, by their names. */
  readonly gradients: Readonly<Record<string, NamedTensors>>;
  /** Scalars to report. */
  readonly metrics: NamedTensors;
  /** New values of what is no parameter. */
  readonly statistics?: NamedTensors;
}

/** A part of a step in which some players move at once, at what the turns before have made of the state. */
export interface Turn {
  /** Names of those who move. */
  readonly players: readonly string[];
  run(state: NamedTensors, args: TurnArguments): TurnResult;
}
