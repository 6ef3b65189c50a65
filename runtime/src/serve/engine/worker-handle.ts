import { Worker } from 'node:worker_threads';
import { messageOf, UserError } from '../../errors.ts';
import type { Device } from '../../program/executor.ts';
import type { Answers, Death, FromWorker, ToWorker, WorkerRequest, WorkerSettings } from './messages.ts';
import { workerEntry } from './worker-entry.ts';

/**
 * Of a worker's JavaScript objects, megabytes; tensors and sessions lie outside. A thread that reaches a limit of its own
 * ends; without one it would take the whole process with it.
 */
const resourceLimits = { maxOldGenerationSizeMb: 256 };

/** The worker that was to answer has ended. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
}

interface Waiting {
  readonly resolve: (answer: Answers[keyof Answers]) => void;
  readonly reject: (error: Error) => void;
}

/** One worker thread, seen from the main thread: requests go out, promises come back. */
export class WorkerHandle {
  /** The device that it opened. Rejects with a UserError when none works, with WorkerDied when it died before. */
  readonly ready: Promise<Device>;
  /** Resolves with the reason when the thread has ended, whatever the cause. */
  readonly ended: Promise<string>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #gone: string | null = null;

  constructor(settings: WorkerSettings) {
    // The process's own flags are not the worker's: some, such as --input-type, would keep it from starting.
    const worker = new Worker(workerEntry, { workerData: settings, resourceLimits, execArgv: [] });
    this.#worker = worker;
    let cause: string | null = null;
    worker.on('error', (error: unknown) => {
      cause = messageOf(error);
    });
    this.ended = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#gone = cause ?? `exit code ${code}`;
        for (const { reject } of this.#waiting.values()) reject(this.#died());
        this.#waiting.clear();
        resolve(this.#gone);
      });
    });
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => {
        if (message.kind === 'ready') resolve(message.device);
        else if (message.kind === 'unusable') reject(new UserError(message.reason));
        else this.#answered(message);
      });
      worker.on('exit', () => reject(this.#died()));
    });
    this.ready.catch(() => undefined); // whoever waits for it hears of it; others hear of the end
  }

  /** @throws UserError or Error as the worker did, WorkerDied when it ends before it answers. */
  request<K extends WorkerRequest['kind']>(message: WorkerRequest & { kind: K }): Promise<Answers[K]> {
    if (this.#gone !== null) return Promise.reject(this.#died());
    const id = this.#nextId++;
    return new Promise<Answers[K]>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as Waiting['resolve'], reject });
      this.#post({ ...message, id });
    });
  }

  unload(model: number): void {
    this.#post({ kind: 'unload', model });
  }

  /** For tests: the thread stands still until the returned function is called, and then may die. */
  hold(death?: Death): () => void {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    this.#post({ kind: 'hold', gate, ...(death && { death }) });
    return () => {
      Atomics.store(gate, 0, 1);
      Atomics.notify(gate, 0);
    };
  }

  /** Lets the worker finish what it was sent and free its sessions; ends it by force after `graceMs`. */
  async close(graceMs = 5000): Promise<void> {
    this.#post({ kind: 'close' });
    const force = setTimeout(() => void this.#worker.terminate(), graceMs);
    await this.ended;
    clearTimeout(force);
  }

  #died(): WorkerDied {
    return new WorkerDied(`the worker died: ${this.#gone}`);
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #answered(message: FromWorker & { readonly id: number }): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'done') waiting?.resolve(message.answer);
    else if (message.kind === 'failed') {
      waiting?.reject(message.user ? new UserError(message.reason) : new Error(message.reason));
    }
  }
}
