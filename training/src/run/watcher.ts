/** Where lines for people go: results to `log`, what happens meanwhile to `error`; `console` is one. */
export type Output = Pick<Console, 'log' | 'error'>;

/** Drops every line. */
export const silent: Output = { log: () => {}, error: () => {} };

/** Shows how far a run is. */
export interface Progress {
  /** Steps done, with the last step's metrics; of these, `loss` is shown. */
  update(step: number, metrics: Readonly<Record<string, number>>): void;
  /** Writes a line of its own, which stays. */
  note(line: string): void;
  /** Shows the last state and lets go of the terminal. Later calls do nothing. */
  stop(): void;
}

export interface ProgressCourse {
  readonly label: string;
  /** Steps of the whole run. */
  readonly total: number;
  /** Steps done before, by the run that this one goes on from. */
  readonly start?: number;
}

/** Shows nothing. */
export const noProgress = (): Progress => ({ update: () => {}, note: () => {}, stop: () => {} });
