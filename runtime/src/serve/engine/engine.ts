/** The contract of a serving engine: what it is asked, what it answers, how it fails. */
import type { Manifest } from '../../bundle/manifest-schema.ts';
import type { InputSources } from '../../model/inputs.ts';
import type { HostTensor } from '../../program/tensor.ts';
import type { ModelSettings } from './limits.ts';

/** What went wrong with a request, in the words that a protocol maps to its status codes. */
export type ServeErrorKind =
  | 'bad-request'
  | 'not-found'
  | 'overloaded'
  | 'timeout'
  | 'unavailable'
  | 'cancelled'
  | 'internal';

/** Why a request was not answered. Its message is one clear line, fit for the client. */
export class ServeError extends Error {
  override readonly name = 'ServeError';
  readonly kind: ServeErrorKind;
  /** When another attempt is worth it, whole seconds from 1; `overloaded` has it, others may. */
  readonly retryAfterSeconds?: number;

  constructor(kind: ServeErrorKind, message: string, retryAfterSeconds?: number) {
    super(message);
    this.kind = kind;
    if (retryAfterSeconds !== undefined) this.retryAfterSeconds = retryAfterSeconds;
  }
}

export interface EngineOptions {
  /**
   * Its sub-folders are bundles (or runs that were exported): NAME/, or NAME/VERSION/ where versions are whole numbers,
   * the highest of them the default.
   */
  readonly folder: string;
  /** Worker processes, each with sessions of its own. */
  readonly workers: number;
  /**
   * Memory that one worker may take, bytes; one that takes more is ended and replaced. When absent, three quarters of the
   * machine's, or of what the container may have, shared by all workers.
   */
  readonly workerMemoryBytes?: number;
  /**
   * Memory that the compiled programs of one worker may take, about, bytes. A worker compiles a program when it is first
   * asked for it, and forgets those that were not asked for longest when there are more. Half of the worker's memory when
   * absent.
   */
  readonly modelMemoryBytes?: number;
  /** Intra-op threads of each session. With 1, answers are the same to the last bit whoever shares the batch. */
  readonly threadsPerWorker: number;
  /** `webgpu` has room for one worker only. */
  readonly device: 'auto' | 'cpu' | 'cuda' | 'webgpu';
  /** Rows in one run of a program. */
  readonly maxBatch: number;
  /**
   * How long an incomplete batch may wait for more rows while all workers are busy and others have full batches,
   * milliseconds. A worker that is idle never waits.
   */
  readonly maxWaitMs: number;
  /**
   * Rows that may wait, over all models. A request that finds the queue full is refused as `overloaded`; one that is
   * larger than the queue is taken when nothing waits.
   */
  readonly queueLimit: number;
  /**
   * For one request, its wait included, milliseconds; past it the request fails as `timeout`.
   */
  readonly timeoutMs: number;
  /** For one run of a program, milliseconds; past it its worker is ended and replaced. `timeoutMs` when absent. */
  readonly runLimitMs?: number;
  /** Rows in one request; more are a `bad-request`. */
  readonly maxCount: number;
  /** What holds for single models instead, by name. */
  readonly modelSettings?: ModelSettings;
  /** Looks at the folder again every second or two, and loads what changed. */
  readonly watch: boolean;
  /**
   * Names of the bundles to serve at first; others when `loadModel` names them, and then nothing changes by itself. When
   * absent, all are served.
   */
  readonly only?: readonly string[];
  /** Whether `ready` wants all bundles served and well, or one; `all` when absent. */
  readonly readyWhen?: 'all' | 'any';
  /** Receives the events that metrics and logs record. Its methods must not throw. */
  readonly observer?: EngineObserver;
}

export interface ServedModel {
  readonly name: string;
  /** A whole number; `1` where the folder has no versions. */
  readonly version: string;
  readonly manifest: Manifest;
  /** SHA-256 of its manifest, which has the hashes of all other files. */
  readonly digest: string;
  readonly folder: string;
  /** `unhealthy`: its runs have ended one worker after the other, so it is set aside for a while. */
  readonly state: 'ready' | 'loading' | 'draining' | 'unhealthy';
  readonly loadedAt: Date;
}

/** A bundle that is in the folder and is not served, or not as it now is. */
export interface RefusedModel {
  readonly name: string;
  readonly version: string;
  /** One line. */
  readonly reason: string;
}

export interface RunRequest {
  readonly model: string;
  /** The highest when absent. */
  readonly version?: string;
  readonly program: string;
  /** `count` rows; noise is keyed by seed and index as everywhere, `tensors` gives any input by name. */
  readonly sources: InputSources;
  /** Frees the request's place; it fails as `cancelled`. */
  readonly signal?: AbortSignal;
  /** Shortens the engine's own limit, milliseconds. */
  readonly timeoutMs?: number;
  readonly requestId?: string;
}

export interface RunResult {
  /** Every output of the program, [count, ...shape]. */
  readonly outputs: Record<string, HostTensor>;
  /** The version that answered. */
  readonly version: string;
  /** Digest of the bundle that answered: another than the model's where it was replaced meanwhile. */
  readonly digest: string;
  /** From the request's arrival until its first rows ran, milliseconds. */
  readonly queueMs: number;
  /** From then until its last rows were done, milliseconds. */
  readonly runMs: number;
  /** Rows of the largest batch that the request was part of. */
  readonly batchRows: number;
  /** Gives the memory of the outputs back, for other answers; nobody may read them any more. Who does not call it leaves them to the garbage collector. */
  release?(): void;
}

/**
 * Told of what happens, so that metrics and logs can be kept: of every accepted request `queued`, then `started`, then
 * `finished` or `failed`, each once. `failed` comes for refused requests, too, but not for those that name no model or
 * program there is: their names are the client's, and must not become labels.
 */
export interface EngineObserver {
  queued?(event: { readonly model: string; readonly program: string; readonly rows: number }): void;
  /** The first rows of a request begin to run; `batchRows` is what runs with them. */
  started?(event: {
    readonly model: string;
    readonly program: string;
    readonly rows: number;
    readonly batchRows: number;
    readonly queueMs: number;
  }): void;
  finished?(event: {
    readonly model: string;
    readonly program: string;
    readonly rows: number;
    readonly runMs: number;
    readonly totalMs: number;
  }): void;
  failed?(event: {
    readonly model: string;
    readonly program: string;
    readonly rows: number;
    readonly kind: ServeErrorKind;
    readonly reason: string;
  }): void;
  /** A batch has run: rows of one or more requests. */
  ran?(event: {
    readonly model: string;
    readonly version: string;
    readonly program: string;
    readonly rows: number;
    readonly runMs: number;
  }): void;
  workerDied?(event: { readonly worker: number; readonly reason: string }): void;
  /** A worker has printed a line; it is onnxruntime that does. */
  workerSaid?(event: { readonly line: string }): void;
  modelChanged?(event: {
    readonly name: string;
    readonly version: string;
    readonly change: 'loaded' | 'replaced' | 'removed' | 'refused' | 'unhealthy';
    readonly reason?: string;
  }): void;
}

/** A program that some workers have compiled. */
export interface LoadedProgramCount {
  readonly model: string;
  readonly version: string;
  readonly program: string;
  /** How many workers have. */
  readonly workers: number;
  /** What it takes in all of them, about. */
  readonly bytes: number;
}

export interface InferenceEngine {
  models(): readonly ServedModel[];
  refused(): readonly RefusedModel[];
  /** @throws ServeError `not-found`. */
  model(name: string, version?: string): ServedModel;
  /** @throws ServeError of every kind. */
  run(request: RunRequest): Promise<RunResult>;
  /** Looks at the folder again now. */
  reload(): Promise<readonly RefusedModel[]>;
  /** Programs that are compiled now: each is when it is first asked for. */
  loaded(): readonly LoadedProgramCount[];
  /** Bundles of the folder that `loadModel` was not asked for. */
  unloaded(): readonly { readonly name: string; readonly version: string }[];
  /**
   * Loads a bundle in all its versions, or what changed of it.
   * @throws ServeError `not-found`; `bad-request` when it is refused, or the engine serves all bundles.
   */
  loadModel(name: string): Promise<void>;
  /**
   * Serves a bundle no more; what was accepted is answered.
   * @throws ServeError `not-found`; `bad-request` when the engine serves all bundles.
   */
  unloadModel(name: string): Promise<void>;
  pending(): {
    /** Accepted and not answered. */
    readonly requests: number;
    /** Waiting for a worker. */
    readonly rows: number;
    /** Batches in workers. */
    readonly running: number;
    readonly workersAlive: number;
  };
  /** Its models are `ready`, as `readyWhen` says; a worker lives; and it is neither draining nor closed. */
  ready(): boolean;
  /** Accepts no more, and finishes what was accepted. */
  drain(): Promise<void>;
  /** Ends the workers, whatever they do; requests that are still open fail as `unavailable`. */
  close(): Promise<void>;
}
