import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UserError } from '@generatrix/runtime/core';
import { z } from 'zod';
import type { MetricsLine } from '../record/metrics.ts';
import type { RunSettings } from '../record/settings.ts';

/** What a run tells a tracker when it starts or goes on. */
export interface TrackedRun {
  /** The run's folder, an absolute path. */
  readonly folder: string;
  readonly settings: RunSettings;
  /** Steps done by the checkpoint that the run goes on from; 0 for a new run. */
  readonly step: number;
}

/** What a run tells a tracker when it stops. */
export interface TrackedEnd {
  /** Steps done. */
  readonly step: number;
  /** All steps of the settings are done; false when it was stopped or failed. */
  readonly finished: boolean;
}

/**
 * Hands a run's figures to an experiment tracker such as MLflow or Weights & Biases: what a module given to
 * `--tracker` exports as its default. Every method may be missing and may return a promise; they are called one after
 * another, in order, and training does not wait for them until its end. docs/tracking.md has examples.
 */
export interface Tracker {
  start?(run: TrackedRun): unknown;
  /** A line as in `metrics.jsonl`. */
  metrics?(line: MetricsLine): unknown;
  /** A picture (`.png`) or sound (`.wav`) of samples has been written; the path is absolute. */
  samples?(samples: { readonly step: number; readonly path: string }): unknown;
  end?(end: TrackedEnd): unknown;
}

const methods = ['start', 'metrics', 'samples', 'end'] as const;
type Method = (typeof methods)[number];
const trackerSchema = z.looseObject(
  Object.fromEntries(
    methods.map((name) => [name, z.custom((value) => typeof value === 'function').optional()]),
  ),
);

/**
 * Loads a tracker from a JavaScript module.
 * @param path of the module, from the current folder
 * @throws UserError when it does not load, or its default export is no tracker.
 */
export async function loadTracker(path: string): Promise<Tracker> {
  const where = `--tracker ${path}`;
  const module = (await import(pathToFileURL(resolve(path)).href).catch((error: unknown) => {
    throw new UserError(
      `${where}: expected a JavaScript module, it does not load: ${reasonOf(error).replace(/ imported from .*/, '')}`,
    );
  })) as { default?: unknown };
  const tracker = trackerSchema.safeParse(module.default);
  if (!tracker.success || !methods.some((name) => tracker.data[name] !== undefined)) {
    throw new UserError(
      `${where}: expected a default export with functions among ${methods.join(', ')}; see docs/tracking.md`,
    );
  }
  return module.default as Tracker;
}

/**
 * Calls a tracker's methods in order. Nothing that it does stops a run: its first error is said, later ones are
 * counted, and what it still does at the end is waited for only so long.
 */
export class TrackerCalls {
  readonly #tracker: Tracker;
  readonly #say: (line: string) => void;
  #last: Promise<void> = Promise.resolve();
  #failures = 0;

  /** @param say prints a line for the user */
  constructor(tracker: Tracker, say: (line: string) => void) {
    this.#tracker = tracker;
    this.#say = say;
  }

  /** Puts a call behind those before it. */
  call<Name extends Method>(name: Name, argument: Parameters<NonNullable<Tracker[Name]>>[0]): void {
    if (this.#tracker[name] === undefined) return;
    this.#last = this.#last.then(async () => {
      try {
        await (this.#tracker[name] as (given: typeof argument) => unknown).call(this.#tracker, argument);
      } catch (error) {
        this.#failures++;
        if (this.#failures === 1) {
          this.#say(`the tracker's ${name} failed: ${reasonOf(error)}; training goes on`);
        }
      }
    });
  }

  /** Waits for the calls, at most so many seconds, and says how many failed in all. */
  async finish(seconds = 30): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((done) => {
      timer = setTimeout(() => done(true), 1000 * seconds);
    });
    const gaveUp = await Promise.race([this.#last.then(() => false), late]);
    clearTimeout(timer);
    if (gaveUp)
      this.#say(`the tracker has not come to an end within ${seconds} s; what it still does is lost`);
    if (this.#failures > 1) this.#say(`${this.#failures} calls of the tracker failed in all`);
  }
}

/** The first line of an error's message and of its cause's, which says more where a request failed. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${reasonOf(error.cause)}` : '';
  return `${text.split('\n')[0]!.trim()}${cause}`;
}
