import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex, Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../errors.ts';
import type { Device } from '../../program/executor.ts';
import { FrameReader, writeFrame } from './frames.ts';
import { type Guard, memorySignal } from './guard.ts';
import type { MemoryPool } from './memory-pool.ts';
import {
  type Answers,
  channel,
  type Death,
  type FromWorker,
  type ToWorker,
  type WorkerChannels,
  type WorkerRequest,
  type WorkerSettings,
} from './messages.ts';
import { SharedMemory } from './shared-memory.ts';
import { workerEntry } from './worker-entry.ts';

/** Of a worker's JavaScript objects, megabytes; tensors and sessions lie outside. */
const heapMb = 256;
/** Places of the memory that is shared: as many as runs are sent to a worker at once. */
const places = 2;
/** Opening a device and compiling the largest programs take seconds; a network mount may be slow. */
export const patienceMs = 300_000;

/** The worker that was to answer has ended. */
export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';
  /** Whether it was ended since a run took too long. */
  readonly late: boolean;

  constructor(message: string, late = false) {
    super(message);
    this.late = late;
  }
}

interface Waiting {
  readonly id: number;
  readonly limitMs: number;
  /** In shared memory, where its answer may be. */
  readonly place: number | undefined;
  readonly resolve: (answer: Answers[keyof Answers]) => void;
  readonly reject: (error: Error) => void;
}

/** What a worker prints: onnxruntime writes to standard error as it likes. */
export type OnLine = (line: string) => void;

/**
 * One worker process, seen from the server: requests go out, promises come back. A thread would not do: nothing can end
 * one that is in a run of onnxruntime, and its crash is everybody's.
 */
export class WorkerHandle {
  /** The device that it opened; null before. */
  device: Device | null = null;
  /** Resolves with that device. Rejects with a UserError when none works, with WorkerDied when it died before. */
  readonly ready: Promise<Device>;
  /** Resolves with the reason when the process has ended, whatever the cause. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #socket: Duplex;
  readonly #memory = SharedMemory.create();
  readonly #freePlaces: number[] = [];
  /** In the order in which they are answered: the first is being worked on. */
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | null = null;
  #nextId = 0;
  #killedBecause: string | null = null;
  #late = false;
  #gone: string | null = null;

  /** @param pool that the memory of answers is taken from */
  constructor(settings: WorkerSettings, onLine: OnLine, pool: MemoryPool | null = null) {
    const memory = this.#memory;
    const channels: WorkerChannels = { shares: memory !== null };
    const guarded: WorkerSettings & WorkerChannels & Guard = {
      ...{ ...settings, ...channels, parent: process.pid },
    };
    // The process's own flags are not the worker's: some would keep it from starting.
    const { NODE_OPTIONS: _, ...env } = process.env;
    const flags = [`--max-old-space-size=${heapMb}`, fileURLToPath(workerEntry), JSON.stringify(guarded)];
    const shared = memory ? [memory.descriptor] : [];
    const child = spawn(process.execPath, flags, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', ...shared],
    });
    if (memory) for (let place = 0; place < places; place++) this.#freePlaces.push(place);
    this.#child = child;
    this.#socket = child.stdio[channel] as Duplex;
    liveChildren.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream as Readable }).on('line', onLine);
    }
    this.ended = new Promise((resolve) => {
      const onEnd = (reason: string) => {
        if (this.#gone !== null) return;
        this.#gone = this.#killedBecause ?? reason;
        liveChildren.delete(child);
        memory?.close();
        this.#watchFirst();
        for (const { reject } of this.#waiting.splice(0)) reject(this.#died());
        resolve(this.#gone);
      };
      child.once('error', (error) => onEnd(error.message));
      child.once('exit', (code, signal) => onEnd(reasonOf(code, signal, settings)));
    });
    this.ready = new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#kill(`not ready within ${patienceMs / 1000} s`), patienceMs);
      const reader = new FrameReader(
        (value) => {
          const message = value as FromWorker;
          if (message.kind === 'ready') {
            clearTimeout(late);
            this.device = message.device;
            resolve(message.device);
          } else if (message.kind === 'unusable') reject(new UserError(message.reason));
          else this.#answered(message);
        },
        { memory, pool },
      );
      this.#socket.on('data', (bytes: Uint8Array) => {
        // What a worker has said when it ends is asked for no more, and its memory is closed.
        if (this.#gone === null) reader.push(bytes);
      });
      // A worker that has ended says so by its exit.
      this.#socket.on('error', () => undefined);
      void this.ended.then(() => {
        clearTimeout(late);
        reject(this.#died());
      });
    });
    this.ready.catch(() => undefined); // whoever waits for it hears of it; others hear of the end
  }

  /**
   * @param limitMs how long the worker may take, from when it begins; past it the process is ended
   * @throws UserError or Error as the worker did, WorkerDied when it ends before it answers.
   */
  request<K extends WorkerRequest['kind']>(
    message: WorkerRequest & { kind: K },
    limitMs: number,
  ): Promise<Answers[K]> {
    if (this.#gone !== null) return Promise.reject(this.#died());
    const id = this.#nextId++;
    const place = message.kind === 'run' ? this.#freePlaces.pop() : undefined;
    return new Promise<Answers[K]>((resolve, reject) => {
      this.#waiting.push({ id, limitMs, place, resolve: resolve as Waiting['resolve'], reject });
      if (this.#waiting.length === 1) this.#watchFirst();
      this.#post({ ...message, id, place }, place);
    });
  }

  /** Frees a program that it has compiled. */
  unload({ model, program }: { readonly model: number; readonly program: string }): void {
    this.#post({ kind: 'unload', model, program });
  }

  /** For tests: the process stands still until the returned function is called, and then may die. */
  hold(death?: Death): () => void {
    const gate = join(tmpdir(), `generatrix-gate-${randomUUID()}`);
    this.#post({ kind: 'hold', gate, ...(death && { death }) });
    void this.ended.then(() => rmSync(gate, { force: true }));
    return () => {
      if (this.#gone === null) writeFileSync(gate, '');
    };
  }

  /** Lets the worker finish what it was sent and free its sessions; ends it by force after `graceMs`. */
  async close(graceMs = 5000): Promise<void> {
    this.#post({ kind: 'close' });
    const force = setTimeout(() => this.#kill('closed'), graceMs);
    await this.ended;
    clearTimeout(force);
  }

  /** Times the request that is worked on. */
  #watchFirst(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const [first] = this.#waiting;
    if (!first || this.#gone !== null) return;
    const { limitMs } = first;
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#kill(`it was ended after ${limitMs} ms in one run`);
    }, limitMs);
  }

  #kill(because: string): void {
    this.#killedBecause ??= because;
    this.#child.kill('SIGKILL');
  }

  #died(): WorkerDied {
    return new WorkerDied(`the worker died: ${this.#gone}`, this.#late);
  }

  #post(message: ToWorker, place?: number): void {
    if (this.#gone !== null) return;
    const shared = this.#memory && place !== undefined ? { memory: this.#memory, place } : undefined;
    writeFrame(this.#socket, message, shared);
  }

  #answered(message: FromWorker & { readonly id: number }): void {
    const waiting = this.#waiting.shift();
    if (waiting?.id !== message.id) {
      this.#kill(`it answered ${message.id} out of turn`);
      return;
    }
    if (waiting.place !== undefined) this.#freePlaces.push(waiting.place);
    this.#watchFirst();
    if (message.kind === 'done') waiting.resolve(message.answer);
    else if (message.kind === 'failed') {
      waiting.reject(message.user ? new UserError(message.reason) : new Error(message.reason));
    }
  }
}

function reasonOf(code: number | null, signal: string | null, { memoryBytes }: WorkerSettings): string {
  if (signal === memorySignal) return `it took more than ${Math.round(memoryBytes / 2 ** 20)} MB`;
  return signal === null ? `exit code ${code}` : `ended by ${signal}`;
}

/** A worker in a run does not notice that the server ends, so the server's last act is to end it. */
const liveChildren = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of liveChildren) child.kill('SIGKILL');
});
