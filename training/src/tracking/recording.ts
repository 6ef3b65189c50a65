import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type MetricsLine, type MetricsLog, openMetrics, readMetrics } from '../record/metrics.ts';
import type { RunSettings } from '../record/settings.ts';
import { type MetricsTable, openTable } from './metrics-table.ts';
import { type EventLog, openEvents } from './tensorboard.ts';
import { type TrackedEnd, type Tracker, TrackerCalls } from './tracker.ts';

export interface RecordingRequest {
  /** The run's folder. */
  readonly folder: string;
  readonly settings: RunSettings;
  /** Steps done by the checkpoint that the run goes on from: what was recorded later is dropped. */
  readonly resumeAfter: number;
  readonly tracker?: Tracker;
  /** Prints a line for the user. */
  readonly say: (line: string) => void;
}

/**
 * Everything that a run records of its course: `metrics.jsonl`, the same as `metrics.csv`, event files for TensorBoard
 * in `tensorboard/`, and what a tracker makes of it. All go on together from a checkpoint.
 */
export class Recording {
  readonly #log: MetricsLog;
  readonly #table: MetricsTable;
  readonly #events: EventLog;
  readonly #tracker: TrackerCalls | null;

  private constructor(log: MetricsLog, table: MetricsTable, events: EventLog, tracker: TrackerCalls | null) {
    this.#log = log;
    this.#table = table;
    this.#events = events;
    this.#tracker = tracker;
  }

  /** @throws UserError when the metrics of the run cannot be read. */
  static async open({ folder, settings, resumeAfter, tracker, say }: RecordingRequest): Promise<Recording> {
    const path = join(folder, 'metrics.jsonl');
    const log = await openMetrics(path, { resumeAfter });
    const table = await openTable(join(folder, 'metrics.csv'), await readMetrics(path));
    const events = await openEvents(join(folder, 'tensorboard'), { resumeAfter });
    const calls = tracker === undefined ? null : new TrackerCalls(tracker, say);
    calls?.call('start', { folder: resolve(folder), settings, step: resumeAfter });
    return new Recording(log, table, events, calls);
  }

  /** Seconds of training so far, as the last line has them. */
  get seconds(): number {
    return this.#log.seconds;
  }

  async append(line: MetricsLine): Promise<void> {
    this.#log.append(line);
    await this.#table.append(line);
    this.#events.append(line);
    this.#tracker?.call('metrics', line);
  }

  /** @param path of the picture or sound that was written */
  async samples(step: number, path: string): Promise<void> {
    this.#events.samples(step, path, await readFile(path));
    this.#tracker?.call('samples', { step, path: resolve(path) });
  }

  /** Closes the files, and waits a while for the tracker. */
  async close(end: TrackedEnd): Promise<void> {
    await this.#log.close();
    this.#table.close();
    this.#events.close();
    this.#tracker?.call('end', end);
    await this.#tracker?.finish();
  }
}
