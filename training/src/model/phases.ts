import { UserError } from '@generatrix/runtime/core';
import type { Model, Phase } from './model.ts';
import { learningRateAt, type ScheduleSettings } from './schedule.ts';

/** The settings of a run that its phases depend on. */
export type PhaseSettings = ScheduleSettings & { readonly batchSize: number };

/** A phase within a run. */
export interface PlannedPhase {
  /** Which it is, from 0. */
  readonly index: number;
  /** Absent where the run has but one. */
  readonly name?: string;
  /** Steps of the run before it. */
  readonly first: number;
  /** Steps of the run up to its end. */
  readonly end: number;
  readonly batchSize: number;
  /** Before the schedule. */
  readonly learningRate: number;
  /** The model as its steps train it: what differs between phases is `step`. */
  readonly model: Model;
  /** The learning rate of a step, counted from the start of the run. The schedule begins anew with every phase. */
  rateAt(step: number): number;
}

/**
 * The phases of a run, first to last; one when the model has none. Which phase a step belongs to is told by the number of
 * the step alone, so that a run that is resumed inside a phase goes on in it.
 * @throws UserError when the run is too short for its last phase to begin, or a warm-up is longer than a phase
 */
export function planPhases(model: Model, settings: PhaseSettings): readonly PlannedPhase[] {
  const { steps } = settings;
  let first = 0;
  return phasesOf(model).map((phase, index, all) => {
    const last = index === all.length - 1;
    const own = last ? steps - first : phase.steps!;
    if (last && own < 1) {
      throw new UserError(
        `--steps ${steps}: expected more than the ${first} steps of the phases before ${phase.name}; give --steps ${first + 1} or more`,
      );
    }
    const { warmUp = 0 } = settings;
    if (all.length > 1 && warmUp >= own) {
      throw new UserError(`--warm-up ${warmUp}: expected fewer than the ${own} steps of phase ${phase.name}`);
    }
    const begin = first;
    first += own;
    const { learningRate = settings.learningRate, batchSize = settings.batchSize } = phase;
    const schedule = { ...settings, steps: own, learningRate };
    return {
      index,
      ...(all.length > 1 && { name: phase.name }),
      first: begin,
      end: begin + own,
      batchSize,
      learningRate,
      model: { ...model, step: phase.step },
      rateAt: (step) => learningRateAt(schedule, step - begin),
    };
  });
}

/** The phase that a step of the run belongs to; the last one for what comes after the run. */
export function phaseOf<P extends Pick<PlannedPhase, 'end'>>(phases: readonly P[], step: number): P {
  return phases.find(({ end }) => step < end) ?? phases.at(-1)!;
}

/** The phases in one line, such as `phases: autoencoder (steps 1 to 400), generator (401 to 4000)`; null for one. */
export function describePhases(phases: readonly PlannedPhase[]): string | null {
  if (phases.length < 2) return null;
  const parts = phases.map(
    ({ name, first, end }, i) => `${name} (${i === 0 ? 'steps ' : ''}${first + 1} to ${end})`,
  );
  return `phases: ${parts.join(', ')}`;
}

function phasesOf(model: Model): readonly Phase[] {
  return model.phases ?? [{ name: 'training', step: model.step }];
}
