import { type LifeWatch, type SignOfLife, watchLife } from './life.ts';
import type { CallName, Calls, FromWorker, LoadRequest, ToWorker } from './protocol.ts';
import { startWorker } from './start-worker.ts';

/** A question to the worker that has not been answered. */
interface Pending {
  readonly message: ToWorker;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly part: (part: unknown) => void;
  /** Nobody waits for it any more. */
  readonly abandoned?: boolean;
  /** Workers that died while they were at it. */
  readonly deaths?: number;
}

export interface AskOptions<K extends CallName> {
  readonly signal?: AbortSignal | undefined;
  readonly onPart?: ((part: Calls[K]['part']) => void) | undefined;
}

/** How long the worker may take to stop by itself, in milliseconds, before it is ended. */
const patience = 700;

/** Workers that may die over one question: the first may have been short of memory for what others had asked. */
const deathsAllowed = 1;

/** What the page remembers of a model, to open it again in another worker. */
interface Opened {
  readonly request: LoadRequest;
  /** The worker that has it open; when it is another than the present one, the model must be opened again. */
  generation: number;
  /** Settles when that worker has opened it. */
  ready: Promise<unknown>;
}

/**
 * The page's one worker, started when it is first needed. Inference blocks the worker's thread, so a call that does
 * not stop when told can only be stopped with the whole worker: a new one then takes its place, opens the models
 * again (from the cache) as they are needed, and is asked anew what others were waiting for. The same happens where
 * the worker dies by itself; what two workers have died over is refused.
 */
class WorkerLink {
  #worker: Worker | undefined;
  #life: LifeWatch | undefined;
  #generation = 0;
  #lastId = 0;
  readonly #pending = new Map<number, Pending>();
  readonly #models = new Map<number, Opened>();
  #lastModel = 0;

  newModel(): number {
    this.#lastModel += 1;
    return this.#lastModel;
  }

  /** Asks the worker. @throws what went wrong there, or the signal's reason. */
  async ask<K extends CallName>(
    call: K,
    model: number,
    payload: Calls[K]['payload'],
    options: AskOptions<K> = {},
  ): Promise<Calls[K]['reply']> {
    options.signal?.throwIfAborted();
    const opened = this.#models.get(model);
    if (opened) await this.#ready(model, opened);
    const reply = await this.#send(call, model, payload, options);
    if (call === 'load') {
      const request = payload as LoadRequest;
      this.#models.set(model, { request, generation: this.#generation, ready: Promise.resolve() });
    }
    return reply;
  }

  /** Frees a model. Whatever was asked of it is given up. */
  release(model: number): void {
    const opened = this.#models.get(model);
    this.#models.delete(model);
    for (const [id, { message }] of this.#pending) {
      if (message.call !== 'cancel' && message.model === model) this.#giveUp(id, new Error('released'));
    }
    if (opened?.generation === this.#generation) {
      this.#send('release', model, null, {}).catch(() => undefined);
    }
  }

  /** Opens a model again, when the worker that had it is gone. */
  #ready(model: number, opened: Opened): Promise<unknown> {
    this.#start();
    if (opened.generation !== this.#generation) {
      opened.generation = this.#generation;
      opened.ready = this.#send('load', model, opened.request, {});
      // One that could not be opened is tried again at the next call.
      opened.ready.catch(() => {
        opened.generation = 0;
      });
    }
    return opened.ready;
  }

  #send<K extends CallName>(
    call: K,
    model: number,
    payload: Calls[K]['payload'],
    { signal, onPart }: AskOptions<K>,
  ): Promise<Calls[K]['reply']> {
    this.#lastId += 1;
    const id = this.#lastId;
    const message = { id, model, call, payload } as ToWorker;
    return new Promise<Calls[K]['reply']>((resolve, reject) => {
      const onAbort = () => this.#giveUp(id, signal?.reason);
      const settle = () => signal?.removeEventListener('abort', onAbort);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, {
        message,
        resolve: (reply) => {
          settle();
          resolve(reply as Calls[K]['reply']);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        part: (part) => onPart?.(part as Calls[K]['part']),
      });
      this.#start().postMessage(message);
    });
  }

  /** Rejects the caller at once; asks the worker to stop, and terminates it when it does not. */
  #giveUp(id: number, reason: unknown): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    pending.reject(reason instanceof Error ? reason : new Error(String(reason)));
    const quiet = { ...pending, abandoned: true, resolve: () => {}, reject: () => {}, part: () => {} };
    this.#pending.set(id, quiet);
    this.#worker?.postMessage({ id, call: 'cancel' } satisfies ToWorker);
    setTimeout(() => {
      if (this.#pending.get(id) !== quiet) return;
      this.#pending.delete(id);
      this.#restart();
    }, patience);
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = startWorker();
    this.#generation += 1;
    this.#worker = worker;
    const life = watchLife((reason) => this.#mourn(reason));
    this.#life = life;
    worker.onmessage = ({ data }: MessageEvent<FromWorker | SignOfLife>) => {
      if (data.kind === 'alive') life.heard(data);
      else this.#receive(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(event.message || 'its script could not be loaded');
    };
    worker.onmessageerror = () => this.#fail('an answer of it cannot be read');
    return worker;
  }

  /** Ends the worker; whoever waits is told. The next question starts another. */
  #fail(reason: string): void {
    this.#end();
    const error = new Error(`the worker stopped: ${reason}`);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #end(): void {
    this.#life?.end();
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  /** The worker died by itself: another is asked what it left unanswered, once. */
  #mourn(reason: string): void {
    for (const [id, pending] of this.#pending) {
      const deaths = (pending.deaths ?? 0) + 1;
      this.#pending.set(id, { ...pending, deaths });
      if (deaths <= deathsAllowed) continue;
      this.#pending.delete(id);
      pending.reject(new Error(`the worker stopped, twice: ${reason}`));
    }
    if (this.#pending.size > 0) this.#restart();
    else this.#end();
  }

  #receive(message: FromWorker): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    if (message.kind === 'part') {
      pending.part(message.part);
      return;
    }
    this.#pending.delete(message.id);
    if (message.kind === 'done') pending.resolve(message.reply);
    else pending.reject(new Error(message.message));
  }

  #restart(): void {
    this.#end();
    const waiting = [...this.#pending].filter(([, { abandoned }]) => !abandoned);
    this.#pending.clear();
    const worker = this.#start();
    for (const [id, pending] of waiting) {
      this.#pending.set(id, pending);
      void this.#again(worker, id, pending);
    }
  }

  /** Asks another worker what the one that was ended did not answer. */
  async #again(worker: Worker, id: number, { message, reject }: Pending): Promise<void> {
    const opened = message.call === 'cancel' ? undefined : this.#models.get(message.model);
    try {
      if (opened) await this.#ready((message as { model: number }).model, opened);
    } catch (error) {
      this.#pending.delete(id);
      return reject(error as Error);
    }
    if (this.#worker === worker && this.#pending.has(id)) worker.postMessage(message);
  }
}

const linkKey = Symbol.for('generatrix.worker-link');

/** One worker for the page, even when two copies of this library were loaded into it. */
export function workerLink(): WorkerLink {
  const page = globalThis as { [linkKey]?: WorkerLink };
  page[linkKey] ??= new WorkerLink();
  return page[linkKey];
}
