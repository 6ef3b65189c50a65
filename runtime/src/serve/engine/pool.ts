import { performance } from 'node:perf_hooks';
import type { LoadedModel } from './loaded-model.ts';
import type { BatchAnswer, BatchRows, Death, WorkerSettings } from './messages.ts';
import { WorkerDied, WorkerHandle } from './worker-handle.ts';

export interface PoolEvents {
  /** A worker is ready for work. */
  readonly onAlive: () => void;
  readonly onDeath: (worker: number, reason: string) => void;
}

/** A place for a worker: when one dies, another takes it. */
export interface Slot {
  readonly index: number;
  /** Null while there is none that is ready. */
  worker: WorkerHandle | null;
}

/** A worker that ran this long did not die of its start, so its replacement starts without delay. */
const healthyMs = 10_000;
const longestDelayMs = 10_000;

/** Worker threads that have all models. One that dies is replaced: at once the first time, then after growing delays. */
export class WorkerPool {
  readonly slots: readonly Slot[];
  readonly #settings: WorkerSettings;
  readonly #events: PoolEvents;
  readonly #models = new Map<number, LoadedModel>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #starting = new Set<WorkerHandle>();
  #closed = false;

  constructor(workers: number, settings: WorkerSettings, events: PoolEvents) {
    this.slots = Array.from({ length: workers }, (_, index) => ({ index, worker: null }));
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
    this.#models.set(model.id, model);
    try {
      for (const { worker } of this.slots) if (worker) await send(worker, model, true);
    } catch (error) {
      this.unload(model);
      throw error;
    }
  }

  unload(model: LoadedModel): void {
    this.#models.delete(model.id);
    for (const { worker } of this.slots) worker?.unload(model.id);
  }

  /** Runs a batch. @throws WorkerDied, or what went wrong in the worker. */
  run(slot: Slot, model: LoadedModel, program: string, rows: BatchRows): Promise<BatchAnswer> {
    if (!slot.worker) return Promise.reject(new WorkerDied('the worker died'));
    return slot.worker.request({ kind: 'run', model: model.id, program, rows });
  }

  /** For tests: see `WorkerHandle.hold`. */
  hold(index: number, death?: Death): () => void {
    return this.slots[index]!.worker!.hold(death);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const workers = [...this.slots.flatMap(({ worker }) => worker ?? []), ...this.#starting];
    await Promise.all(workers.map((worker) => worker.close()));
  }

  /** @throws when the first worker of the slot does not start; later ones are tried again and again. */
  async #spawn(slot: Slot, attempt: number): Promise<void> {
    const worker = new WorkerHandle(this.#settings);
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
    // On demand: a worker that starts under load should not first compile what nobody asks for.
    for (const model of this.#models.values()) send(worker, model, false).catch(() => undefined);
    slot.worker = worker;
    void worker.ended.then((reason) => {
      slot.worker = null;
      if (this.#closed) return;
      this.#events.onDeath(slot.index, reason);
      this.#replace(slot, performance.now() - born > healthyMs ? 0 : attempt);
    });
    this.#events.onAlive();
  }

  #replace(slot: Slot, attempt: number): void {
    // onnxruntime's WebGPU crashes the process when a second thread opens it, even after the first has ended.
    if (this.#settings.device === 'webgpu') return;
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
}

/** A worker that dies meanwhile is not the model's fault: its replacement loads the model, too. */
async function send(worker: WorkerHandle, model: LoadedModel, eager: boolean): Promise<void> {
  const { id, name, programs } = model;
  await worker.request({ kind: 'load', model: id, name, programs, eager }).catch((error: unknown) => {
    if (!(error instanceof WorkerDied)) throw error;
  });
}
