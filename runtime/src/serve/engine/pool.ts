import { performance } from 'node:perf_hooks';
import type { LoadedProgramCount } from './engine.ts';
import { HeldPrograms } from './held-programs.ts';
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
  /** What the programs that one worker has compiled may take, about, bytes. */
  readonly programBytes: number;
}

/** A place for a worker: when one dies, another takes it. */
export interface Slot {
  readonly index: number;
  /** Null while there is none that is ready. */
  worker: WorkerHandle | null;
  /** What the worker has compiled. */
  readonly held: HeldPrograms;
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
    this.slots = Array.from({ length: workers }, (_, index) => ({
      index,
      worker: null,
      held: new HeldPrograms(settings.programBytes),
    }));
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

  /**
   * Tries whether the workers can compile a model, one after the other, so that the others go on. Those on the CPU can,
   * as the inspection has: they compile what they are asked for.
   * @throws when one cannot. One that dies meanwhile is not the model's fault.
   */
  async tryOut(model: LoadedModel): Promise<void> {
    try {
      for (const slot of this.slots) {
        const { worker } = slot;
        if (!worker || worker.device === 'cpu' || !this.#settings.runsIn(model.name, slot.index)) continue;
        for (const program of Object.keys(model.programs)) await this.#load(slot, worker, model, program);
      }
    } catch (error) {
      this.unload(model);
      if (!(error instanceof WorkerDied)) throw error;
    }
  }

  unload(model: LoadedModel): void {
    for (const { worker, held } of this.slots) {
      for (const program of held.removeModel(model)) worker?.unload(program);
    }
  }

  /** Programs that workers have compiled, and how many workers have. */
  loaded(): LoadedProgramCount[] {
    return HeldPrograms.count(this.slots.map(({ held }) => held));
  }

  /**
   * Runs a batch. A worker that does not have the program compiles it first, and forgets those that it has not been asked
   * for longest where it has too many.
   * @throws WorkerDied, or what went wrong in the worker.
   */
  async run(slot: Slot, model: LoadedModel, program: string, rows: BatchRows): Promise<BatchAnswer> {
    const { worker } = slot;
    if (!worker) throw new WorkerDied('the worker died');
    const loading = this.#load(slot, worker, model, program);
    const { runLimitMs = model.limits.timeoutMs } = this.#settings;
    const running = worker.request({ kind: 'run', model: model.id, program, rows }, runLimitMs);
    const [answer] = await Promise.all([running, loading]);
    return answer;
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
      slot.held.clear();
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

  /** Has a worker compile a program, unless it has it. @throws as the worker does. */
  #load({ held }: Slot, worker: WorkerHandle, model: LoadedModel, program: string): Promise<unknown> {
    const known = held.use(model, program);
    if (known !== undefined) return known;
    const shared = model.programs[program]!;
    // The worker does what it is told in turn, so what it still runs is done before it is forgotten.
    for (const oldest of held.makeRoom(shared)) worker.unload(oldest);
    const { id, name } = model;
    const loading = worker.request({ kind: 'load', model: id, name, program, shared }, patienceMs);
    held.add(model, program, loading);
    // Another attempt may go better.
    loading.catch(() => held.removeFailed(loading));
    return loading;
  }
}
