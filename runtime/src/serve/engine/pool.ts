import { performance } from 'node:perf_hooks';
import type { LoadedModel } from './loaded-model.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { BatchAnswer, BatchRows, Death, WorkerSettings } from './messages.ts';
import { type OnLine, patienceMs, WorkerDied, WorkerHandle } from './worker-handle.ts';

export interface PoolEvents {
  /** A worker is ready for work. */
  readonly onAlive: () => void;
  readonly onDeath: (worker: number, reason: string) => void;
  readonly onLine: OnLine;
}

export interface PoolSettings extends WorkerSettings {
  /** How long a run may take before its worker is ended, milliseconds; as long as a request to its model when absent. */
  readonly runLimitMs?: number | undefined;
  /** Whether a worker may have a model. */
  readonly runsIn: (model: string, slot: number) => boolean;
  /** That the memory of answers is taken from. */
  readonly memory: MemoryPool;
}

/** A place for a worker: when one dies, another takes it. */
export interface Slot {
  readonly index: number;
  /** Null while there is none that is ready. */
  worker: WorkerHandle | null;
  /** What the worker has: models, and programs of them that it has compiled. */
  readonly has: Set<string>;
}

/** A worker that ran this long did not die of its start, so its replacement starts without delay. */
const healthyMs = 10_000;
const longestDelayMs = 10_000;

/**
 * Worker processes. One that dies, or whose run takes too long, is replaced: at once the first time, then after growing
 * delays.
 */
export class WorkerPool {
  readonly slots: readonly Slot[];
  readonly #settings: PoolSettings;
  readonly #events: PoolEvents;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #starting = new Set<WorkerHandle>();
  #closed = false;

  constructor(workers: number, settings: PoolSettings, events: PoolEvents) {
    this.slots = Array.from({ length: workers }, (_, index) => ({ index, worker: null, has: new Set() }));
    this.#settings = settings;
    this.#events = events;
  }

  get alive(): number {
    return this.slots.filter(({ worker }) => worker !== null).length;
  }

  /** @throws UserError when the device does not work here. */
  async start(): Promise<void> {
    const started = await Promise.allSettled(this.slots.map((slot) => this.#spawn(slot, 0)));
    const failed = started.find(({ status }) => status === 'rejected');
    if (failed?.status !== 'rejected') return;
    await this.close();
    throw failed.reason;
  }

  /** Compiles a model in one worker after the other, so that the others go on. @throws when one cannot. */
  async load(model: LoadedModel): Promise<void> {
    try {
      for (const slot of this.slots) {
        if (this.#settings.runsIn(model.name, slot.index)) await this.#give(slot, model, true);
      }
    } catch (error) {
      this.unload(model);
      throw error;
    }
  }

  unload(model: LoadedModel): void {
    for (const { worker, has } of this.slots) {
      if (has.delete(keyOf(model))) worker?.unload(model.id);
      for (const program of Object.keys(model.programs)) has.delete(keyOf(model, program));
    }
  }

  /** Runs a batch. @throws WorkerDied, or what went wrong in the worker. */
  run(slot: Slot, model: LoadedModel, program: string, rows: BatchRows): Promise<BatchAnswer> {
    const { worker, has } = slot;
    if (!worker) return Promise.reject(new WorkerDied('the worker died'));
    const key = keyOf(model, program);
    if (!has.has(key)) {
      // Both fail as the run does, which says so.
      this.#give(slot, model, false).catch(() => undefined);
      worker.request({ kind: 'prepare', model: model.id, program }, patienceMs).catch(() => undefined);
      has.add(key);
    }
    const { runLimitMs = model.limits.timeoutMs } = this.#settings;
    return worker.request({ kind: 'run', model: model.id, program, rows }, runLimitMs);
  }

  /** For tests: see `WorkerHandle.hold`. */
  hold(index: number, death?: Death): () => void {
    return this.slots[index]!.worker!.hold(death);
  }

  /** @param graceMs for what the workers have begun */
  async close(graceMs?: number): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const workers = [...this.slots.flatMap(({ worker }) => worker ?? []), ...this.#starting];
    await Promise.all(workers.map((worker) => worker.close(graceMs)));
  }

  /** @throws when the first worker of the slot does not start; later ones are tried again and again. */
  async #spawn(slot: Slot, attempt: number): Promise<void> {
    const { memory, device, threads, memoryBytes } = this.#settings;
    const worker = new WorkerHandle({ device, threads, memoryBytes }, this.#events.onLine, memory);
    const born = performance.now();
    this.#starting.add(worker);
    try {
      await worker.ready;
    } catch (error) {
      await worker.close();
      throw error;
    } finally {
      this.#starting.delete(worker);
    }
    if (this.#closed) return;
    slot.worker = worker;
    void worker.ended.then((reason) => {
      slot.worker = null;
      slot.has.clear();
      if (this.#closed) return;
      this.#events.onDeath(slot.index, reason);
      this.#replace(slot, performance.now() - born > healthyMs ? 0 : attempt);
    });
    this.#events.onAlive();
  }

  #replace(slot: Slot, attempt: number): void {
    const delay = attempt === 0 ? 0 : Math.min(longestDelayMs, 100 * 2 ** attempt);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#spawn(slot, attempt + 1).catch((error: unknown) => {
        if (this.#closed) return;
        this.#events.onDeath(slot.index, error instanceof Error ? error.message : String(error));
        this.#replace(slot, attempt + 1);
      });
    }, delay);
    this.#timers.add(timer);
  }

  /**
   * Sends a model to a worker that does not have it: at once when it is loaded, on demand to a worker that has replaced
   * another, which should not first compile what nobody asks for.
   * @throws when the worker cannot compile it. One that dies meanwhile is not the model's fault.
   */
  async #give({ worker, has }: Slot, model: LoadedModel, eager: boolean): Promise<void> {
    if (!worker || has.has(keyOf(model))) return;
    has.add(keyOf(model));
    const { id, name, programs } = model;
    const request = { kind: 'load', model: id, name, programs, eager } as const;
    try {
      await worker.request(request, patienceMs);
    } catch (error) {
      if (error instanceof WorkerDied) return;
      throw error;
    }
    if (eager) for (const program of Object.keys(programs)) has.add(keyOf(model, program));
  }
}

function keyOf({ id }: LoadedModel, program?: string): string {
  return program === undefined ? String(id) : `${id} ${program}`;
}
