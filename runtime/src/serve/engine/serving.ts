import { stat } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { messageOf, UserError } from '../../errors.ts';
import { type AcceptedRows, acceptRows, rowBytes } from './accept.ts';
import { Dispatcher, unhealthy } from './dispatcher.ts';
import {
  type EngineObserver,
  type EngineOptions,
  type InferenceEngine,
  type RefusedModel,
  type RunRequest,
  type RunResult,
  type ServedModel,
  ServeError,
} from './engine.ts';
import { Inspector } from './inspector.ts';
import { Job } from './job.ts';
import { LimitTable } from './limits.ts';
import type { LoadedModel } from './loaded-model.ts';
import { giveBack, MemoryPool } from './memory-pool.ts';
import type { Death } from './messages.ts';
import { ModelRegistry } from './models.ts';
import { checkOptions, checkTime } from './options.ts';
import { WorkerPool } from './pool.ts';
import { Queues } from './queues.ts';

const pollMs = 1000;
/** Memory of answers that were sent, which is kept for others, bytes. */
const unusedBytes = 2 ** 25;
/** What one request's inputs and outputs may take, bytes. */
const largestRequest = 2 ** 30;

/**
 * Loads every bundle of a folder into worker threads and serves their programs. A bundle that is wrong is listed in
 * `refused` and the others are served.
 * @throws UserError when an option makes no sense, the folder is missing, or the device does not work here.
 */
export async function createEngine(options: EngineOptions): Promise<InferenceEngine> {
  return ServingEngine.start(options);
}

/** The engine behind `createEngine`, with what tests need besides. */
export class ServingEngine implements InferenceEngine {
  readonly #options: EngineOptions;
  readonly #limits: LimitTable;
  readonly #pool: WorkerPool;
  readonly #queues: Queues;
  readonly #dispatcher: Dispatcher;
  readonly #registry: ModelRegistry;
  readonly #inspector: Inspector;
  readonly #jobs = new Set<Job>();
  readonly #memory = new MemoryPool(unusedBytes);
  #watcher: NodeJS.Timeout | null = null;
  #state: 'open' | 'draining' | 'closed' = 'open';
  #onIdle: (() => void)[] = [];

  /** @throws UserError as `createEngine`. */
  static async start(options: EngineOptions): Promise<ServingEngine> {
    checkOptions(options);
    if (!(await stat(options.folder).catch(() => undefined))?.isDirectory()) {
      throw new UserError(`models folder ${options.folder}: there is no such folder`);
    }
    const engine = new ServingEngine(options);
    await engine.#pool.start();
    try {
      const [first] = engine.#pool.slots;
      await engine.#registry.refresh(false, { idle: first });
      engine.#checkNamed();
    } catch (error) {
      await engine.close();
      throw error;
    }
    // Where models are loaded by name, nothing changes by itself.
    if (options.watch && !options.only) engine.#watch();
    return engine;
  }

  private constructor(options: EngineOptions) {
    this.#options = options;
    const limits = new LimitTable(options);
    this.#limits = limits;
    const { workers, device, threadsPerWorker: threads, folder, runLimitMs } = options;
    const { workerMemoryBytes: memoryBytes = memoryShare(workers) } = options;
    const { modelMemoryBytes: programBytes = memoryBytes / 2 } = options;
    const onLine = (line: string) => this.#tell('workerSaid', { line });
    const runsIn = (model: string, slot: number) => limits.runsIn(model, slot);
    this.#inspector = new Inspector({ memoryBytes, onLine });
    this.#pool = new WorkerPool(
      workers,
      { device, threads, memoryBytes, programBytes, runLimitMs, runsIn, memory: this.#memory },
      {
        onLine,
        onAlive: () => this.#dispatcher.pump(),
        onDeath: (worker, reason) => this.#tell('workerDied', { worker, reason }),
      },
    );
    const batchLimit = ({ model, program }: Job) => model.batchLimit(program);
    this.#queues = new Queues({ limitsOf: (model) => limits.of(model), batchLimit });
    this.#dispatcher = new Dispatcher({
      pool: this.#pool,
      queues: this.#queues,
      batchLimit,
      runsIn,
      memory: this.#memory,
      onStarted: (job, batchRows) => {
        this.#tell('started', { ...eventOf(job), batchRows, queueMs: job.startedAt! - job.arrivedAt });
      },
      onRan: ({ name: model, version }, program, rows, runMs) => {
        this.#tell('ran', { model, version, program, rows, runMs });
      },
      onEnded: ({ name, version, health }, died) => {
        if (died === null) health.success();
        else if (health.offence(performance.now(), died)) {
          this.#tell('modelChanged', { name, version, change: 'unhealthy', reason: died });
        }
      },
    });
    this.#registry = new ModelRegistry({
      folder,
      pool: this.#pool,
      inspector: this.#inspector,
      limitsOf: (name) => limits.of(name),
      only: options.only,
      onChange: (event) => this.#tell('modelChanged', event),
    });
  }

  models(): readonly ServedModel[] {
    return this.#registry.list();
  }

  refused(): readonly RefusedModel[] {
    return this.#registry.refused();
  }

  model(name: string, version?: string): ServedModel {
    return this.#registry.find(name, version);
  }

  async run(request: RunRequest): Promise<RunResult> {
    const model = this.#registry.find(request.model, request.version);
    if (!Object.hasOwn(model.manifest.programs, request.program)) {
      const known = Object.keys(model.manifest.programs).join(', ');
      throw new ServeError(
        'not-found',
        `model ${model.name} has no program '${request.program}' (it has: ${known})`,
      );
    }
    let rows: AcceptedRows;
    try {
      if (model.state === 'unhealthy') throw unhealthy(model);
      rows = this.#accept(model, request);
    } catch (error) {
      const refusal = asServeError(error);
      const { kind, message: reason } = refusal;
      const event = { model: model.name, program: request.program, rows: safeCount(request) };
      this.#tell('failed', { ...event, kind, reason });
      throw refusal;
    }
    return this.#queue(model, request, rows);
  }

  async reload(): Promise<readonly RefusedModel[]> {
    if (this.#state === 'closed') throw closing();
    await this.#registry.refresh(false);
    return this.refused();
  }

  pending(): ReturnType<InferenceEngine['pending']> {
    return {
      requests: this.#jobs.size,
      rows: this.#queues.rows,
      running: this.#dispatcher.running,
      workersAlive: this.#pool.alive,
    };
  }

  loaded(): ReturnType<InferenceEngine['loaded']> {
    return this.#pool.loaded();
  }

  unloaded(): readonly { readonly name: string; readonly version: string }[] {
    return this.#registry.unloaded();
  }

  async loadModel(name: string): Promise<void> {
    this.#checkControl();
    await this.#registry.load(name);
  }

  async unloadModel(name: string): Promise<void> {
    this.#checkControl();
    await this.#registry.unload(name);
  }

  ready(): boolean {
    const { only, readyWhen = 'all' } = this.#options;
    const some = this.#registry.list().some(({ state }) => state === 'ready');
    // A server that waits to be told what to load can take requests: those that tell it.
    const well = readyWhen === 'any' ? some : this.#registry.allWell() && (some || only !== undefined);
    return this.#state === 'open' && well && this.#pool.alive > 0;
  }

  async drain(): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    this.#stopWatching();
    if (this.#jobs.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#stopWatching();
    // A run whose request is gone has nothing to finish for.
    const graceMs = this.#jobs.size > 0 || this.#dispatcher.running > 0 ? 0 : undefined;
    for (const job of this.#jobs) job.settle(closing());
    await Promise.all([this.#pool.close(graceMs), this.#inspector.close(0)]);
  }

  /** For tests: see `WorkerHandle.hold`. */
  hold(worker: number, death?: Death): () => void {
    return this.#pool.hold(worker, death);
  }

  #checkNamed(): void {
    for (const name of this.#options.only ?? []) {
      const known = [...this.#registry.list(), ...this.#registry.refused()];
      if (known.some((model) => model.name === name)) continue;
      throw new UserError(`models folder ${this.#options.folder}: there is no bundle '${name}' to load`);
    }
    const found = [...this.#registry.list(), ...this.#registry.refused(), ...this.#registry.unloaded()];
    const names = new Set(found.map(({ name }) => name));
    for (const name of this.#limits.own.keys()) {
      if (names.has(name)) continue;
      const there = [...names].join(', ') || 'none';
      throw new UserError(
        `modelSettings.${name}: models folder ${this.#options.folder} has no such bundle (it has: ${there})`,
      );
    }
  }

  #checkControl(): void {
    if (this.#state !== 'open') throw closing();
    if (this.#options.only) return;
    const message =
      'models are loaded as the folder has them: start the server with --model-control explicit';
    throw new ServeError('bad-request', message);
  }

  #accept(model: LoadedModel, { program, sources, signal, timeoutMs }: RunRequest): AcceptedRows {
    if (this.#state !== 'open') throw closing();
    if (timeoutMs !== undefined) checkTime('timeoutMs', timeoutMs, 0);
    if (signal?.aborted) throw new ServeError('cancelled', 'the request was cancelled');
    const { maxCount, queueLimit } = model.limits;
    const entry = model.manifest.programs[program]!;
    const { count } = sources;
    if (count > maxCount) {
      throw new ServeError('bad-request', `count: expected at most ${maxCount}, got ${count}`);
    }
    const bytes = count * rowBytes(entry);
    if (bytes > largestRequest) {
      const most = Math.floor(largestRequest / rowBytes(entry));
      throw new ServeError('bad-request', `count: expected at most ${most} for ${program}, got ${count}`);
    }
    const rows = acceptRows(program, entry.inputs, sources);
    this.#checkQueue('the queue', this.#queues.rows, count, this.#options.queueLimit);
    const own = this.#queues.rowsOf(model.name);
    this.#checkQueue(`the queue of model ${model.name}`, own, count, queueLimit);
    return rows;
  }

  /** A request larger than the whole queue is taken when nothing waits: refused, it could never be served. */
  #checkQueue(queue: string, waiting: number, count: number, limit: number): void {
    if (waiting === 0 || waiting + count <= limit) return;
    const message = `${queue} is full (${waiting} rows wait): try again later`;
    throw new ServeError('overloaded', message, this.#dispatcher.retryAfterSeconds());
  }

  #queue(model: LoadedModel, request: RunRequest, rows: AcceptedRows): Promise<RunResult> {
    const { program, signal } = request;
    const timeoutMs = Math.min(model.limits.timeoutMs, request.timeoutMs ?? Number.POSITIVE_INFINITY);
    return new Promise((resolve, reject) => {
      const job = new Job(model, program, rows, performance.now(), (_, error) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (error) this.#queues.remove(job);
        if (error) reject(error);
        else resolve(resultOf(job, this.#memory));
        this.#left(job, error);
      });
      const onAbort = () => job.settle(new ServeError('cancelled', 'the request was cancelled'));
      const timer = setTimeout(() => {
        job.settle(new ServeError('timeout', `no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      model.enter();
      this.#jobs.add(job);
      this.#queues.add(job);
      this.#tell('queued', eventOf(job));
      this.#dispatcher.pump();
    });
  }

  #left(job: Job, error: ServeError | null): void {
    this.#jobs.delete(job);
    const now = performance.now();
    if (error) this.#tell('failed', { ...eventOf(job), kind: error.kind, reason: error.message });
    else {
      const runMs = now - job.startedAt!;
      this.#tell('finished', { ...eventOf(job), runMs, totalMs: now - job.arrivedAt });
    }
    job.model.leave();
    if (this.#jobs.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  #watch(): void {
    this.#watcher = setTimeout(() => {
      this.#registry
        .refresh(true)
        .catch(() => undefined) // `refused` says so, and what is served stays
        .finally(() => {
          if (this.#watcher !== null) this.#watch();
        });
    }, pollMs);
  }

  #stopWatching(): void {
    if (this.#watcher !== null) clearTimeout(this.#watcher);
    this.#watcher = null;
  }

  /** Whoever counts must not break what is counted. */
  #tell<K extends keyof EngineObserver>(what: K, event: Parameters<NonNullable<EngineObserver[K]>>[0]): void {
    const { observer } = this.#options;
    try {
      (observer?.[what] as ((event: unknown) => void) | undefined)?.call(observer, event);
    } catch (error) {
      process.emitWarning(`engine observer: ${what} threw ${messageOf(error)}`);
    }
  }
}

/** Three quarters of the memory there is, for all workers together; 1 GiB each at least. */
function memoryShare(workers: number): number {
  const available = process.constrainedMemory();
  const memory = available > 0 ? Math.min(available, totalmem()) : totalmem();
  return Math.max(2 ** 30, Math.floor((0.75 * memory) / workers));
}

function eventOf({ model, program, rows }: Job) {
  return { model: model.name, program, rows: rows.count };
}

function resultOf(job: Job, memory: MemoryPool): RunResult {
  let released = false;
  const startedAt = job.startedAt!;
  return {
    outputs: job.outputs,
    version: job.model.version,
    digest: job.model.digest,
    queueMs: startedAt - job.arrivedAt,
    runMs: performance.now() - startedAt,
    batchRows: job.batchRows,
    release: () => {
      if (!released) giveBack(memory, job.outputs);
      released = true;
    },
  };
}

function asServeError(error: unknown): ServeError {
  if (error instanceof ServeError) return error;
  return new ServeError(error instanceof UserError ? 'bad-request' : 'internal', messageOf(error));
}

function closing(): ServeError {
  return new ServeError('unavailable', 'the server is shutting down', 1);
}

function safeCount({ sources: { count } }: RunRequest): number {
  return Number.isSafeInteger(count) ? count : 0;
}
