import { performance } from 'node:perf_hooks';
import type { ServedModel } from '../engine/engine.ts';

/** How often something was, and how long it took in all. */
export interface Duration {
  count: number;
  ms: number;
}

/** What the requests to one program of a model's version came to since the server started. */
export interface ProgramStatistics {
  /** Requests that were answered, those from the cache included, from their arrival until their answer was sent. */
  readonly success: Duration;
  /** Requests that were not, for whatever reason. */
  readonly fail: Duration;
  /** Until the first rows ran, of requests that ran. */
  readonly queue: Duration;
  /** From then until the last rows were done. */
  readonly compute: Duration;
  /** From then until the answer was sent. */
  readonly serialise: Duration;
  /** Requests that were answered without a run: the answer was stored, or the client's own was still right. */
  readonly cacheHit: Duration;
  /** Requests whose answer could have been stored, and was not. */
  readonly cacheMiss: Duration;
  /** Rows that ran for requests that were answered. */
  rows: number;
  /** Runs, by their number of rows: requests share them. */
  readonly runs: Map<number, Duration>;
  /** When the last of those requests was answered, milliseconds since 1970; 0 for none. */
  lastMs: number;
}

/** What a request has taken so far. */
export interface Spent {
  queueMs: number;
  runMs: number;
  rows: number;
  /** By `performance.now()`, when the last of its runs was done; null where nothing ran. */
  ranUntil: number | null;
  cache: 'hit' | 'miss' | null;
}

export const nothingSpent = (): Spent => ({ queueMs: 0, runMs: 0, rows: 0, ranUntil: null, cache: null });

type ModelVersion = Pick<ServedModel, 'name' | 'version'>;

/** Statistics of what is served, by model, version and program. */
export class Statistics {
  readonly since = new Date();
  readonly #models = new Map<string, Map<string, ProgramStatistics>>();

  /**
   * Counts a request that is over.
   * @param program that it ran last, or was to; `none` where that was not known yet
   * @param ms from its arrival until now
   */
  answered(
    model: ModelVersion,
    program: string,
    spent: Spent,
    { ok, ms }: { ok: boolean; ms: number },
  ): void {
    const of = this.#of(model, program);
    add(ok ? of.success : of.fail, ms);
    if (spent.cache === 'hit') add(of.cacheHit, ms);
    if (!ok) return;
    of.lastMs = Date.now();
    of.rows += spent.rows;
    if (spent.cache === 'miss') add(of.cacheMiss, ms);
    if (spent.ranUntil === null) return;
    add(of.queue, spent.queueMs);
    add(of.compute, spent.runMs);
    add(of.serialise, Math.max(0, performance.now() - spent.ranUntil));
  }

  /** Counts a run of a program. */
  ran(model: ModelVersion, program: string, rows: number, ms: number): void {
    const { runs } = this.#of(model, program);
    const batch = runs.get(rows) ?? { count: 0, ms: 0 };
    runs.set(rows, batch);
    add(batch, ms);
  }

  /** Of one program; of all together, what names none included, when `program` is absent. */
  read(model: ModelVersion, program?: string): ProgramStatistics {
    const total = nothing();
    for (const [name, one] of this.#models.get(keyOf(model)) ?? []) {
      if (program === undefined || name === program) addAll(total, one);
    }
    return total;
  }

  /** Forgets a version that is served no more. */
  forget(model: ModelVersion): void {
    this.#models.delete(keyOf(model));
  }

  #of(model: ModelVersion, program: string): ProgramStatistics {
    const programs = this.#models.get(keyOf(model)) ?? new Map<string, ProgramStatistics>();
    this.#models.set(keyOf(model), programs);
    const known = programs.get(program) ?? nothing();
    programs.set(program, known);
    return known;
  }
}

const durations = ['success', 'fail', 'queue', 'compute', 'serialise', 'cacheHit', 'cacheMiss'] as const;

function nothing(): ProgramStatistics {
  const zero = (): Duration => ({ count: 0, ms: 0 });
  return {
    success: zero(),
    fail: zero(),
    queue: zero(),
    compute: zero(),
    serialise: zero(),
    cacheHit: zero(),
    cacheMiss: zero(),
    rows: 0,
    runs: new Map(),
    lastMs: 0,
  };
}

function add(to: Duration, ms: number, count = 1): void {
  to.count += count;
  to.ms += ms;
}

function addAll(to: ProgramStatistics, from: ProgramStatistics): void {
  for (const name of durations) add(to[name], from[name].ms, from[name].count);
  to.rows += from.rows;
  to.lastMs = Math.max(to.lastMs, from.lastMs);
  for (const [rows, { ms, count }] of from.runs) {
    const batch = to.runs.get(rows) ?? { count: 0, ms: 0 };
    to.runs.set(rows, batch);
    add(batch, ms, count);
  }
}

function keyOf({ name, version }: ModelVersion): string {
  return `${name}/${version}`;
}
