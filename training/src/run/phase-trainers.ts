import type { Engine, Trainer } from '../engine/engine.ts';
import { type PlannedPhase, phaseOf } from '../model/phases.ts';
import type { HostState } from '../model/state.ts';

/**
 * Trainers for the phases of a run, one at a time: each step is compiled when its phase begins, and the state goes from
 * one to the next through the host, where nothing of it changes.
 */
export class PhaseTrainers {
  readonly #engine: Engine;
  readonly #phases: readonly PlannedPhase[];
  readonly #dataShape: readonly number[];
  #phase: PlannedPhase;
  #trainer: Trainer | null = null;

  constructor(engine: Engine, phases: readonly PlannedPhase[], dataShape: readonly number[]) {
    this.#engine = engine;
    this.#phases = phases;
    this.#dataShape = dataShape;
    this.#phase = phases[0]!;
  }

  /** Compiles the phase of a step and gives it the state before that step. */
  async begin(step: number, state: HostState): Promise<void> {
    const phase = phaseOf(this.#phases, step);
    const { model, batchSize } = phase;
    const trainer = await this.#engine.prepare(model, { batchSize, dataShape: this.#dataShape });
    await this.release();
    this.#phase = phase;
    this.#trainer = trainer;
    await trainer.setState(state);
  }

  /** Goes on to the phase of a step, where it is another. @returns whether it is */
  async reach(step: number): Promise<boolean> {
    if (phaseOf(this.#phases, step) === this.#phase) return false;
    await this.begin(step, await this.current.getState());
    return true;
  }

  /** The phase that has begun. */
  get phase(): PlannedPhase {
    return this.#phase;
  }

  /** Its trainer. */
  get current(): Trainer {
    if (this.#trainer === null) throw new Error('no phase has begun');
    return this.#trainer;
  }

  async release(): Promise<void> {
    await this.#trainer?.release();
    this.#trainer = null;
  }
}
