import { Worker } from 'node:worker_threads';
import { messageOf } from '../../../errors.ts';
import { ServeError } from '../../engine/engine.ts';
import { HttpError } from '../http-error.ts';
import type { JsonLimits } from './scan.ts';
import type { AnswerPart } from './tensor-text.ts';
import type { FromTextThread, ToTextThread } from './thread-messages.ts';

/** Node 20 runs no TypeScript: from the sources, as in tests, this is the compiled file of the same checkout. */
const entry = new URL(
  import.meta.url.endsWith('.ts') ? '../../../../dist/serve/http/json/text-worker.js' : './text-worker.js',
  import.meta.url,
);
/** The lists of a body of 16 MiB take about a quarter of it. */
const resourceLimits = { maxOldGenerationSizeMb: 1024 };

interface Waiting {
  readonly resolve: (message: FromTextThread) => void;
  readonly reject: (error: Error) => void;
}

/** A body that was read. */
export interface ParsedBody {
  readonly value: unknown;
  readonly bytes: Uint8Array;
  /** SHA-256 of it. */
  readonly digest: Uint8Array;
}

/**
 * Reads and writes large JSON apart from the thread that answers everybody. It starts when it is first needed; should
 * it die, what it was doing fails and the next request starts another.
 */
export class TextThread {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;

  /**
   * Parses the first `length` bytes of a body. Its memory is handed over where it is the body's alone, and comes back with
   * the value: until then, and where it is refused, `body` is empty.
   * @param keep lists of more numbers come back as `NumberList`
   * @throws HttpError 400 as `parseJson` and `compactLists`.
   */
  async parse(
    body: Uint8Array,
    { length, keep, ...limits }: JsonLimits & { readonly length: number; readonly keep: number },
  ): Promise<ParsedBody> {
    const whole = body.buffer instanceof ArrayBuffer && body.byteLength === body.buffer.byteLength;
    const bytes = whole ? new Uint8Array(body.buffer) : new Uint8Array(body);
    const answer = await this.#ask({ kind: 'parse', id: this.#nextId++, bytes, length, limits, keep }, [
      bytes.buffer,
    ]);
    if (answer.kind === 'value') return answer;
    throw answer.kind === 'refused'
      ? new HttpError(answer.status, answer.message)
      : new Error('the thread that reads JSON answered with text');
  }

  /**
   * Writes an answer, a chunk at a time. The memory of its tensors is handed over: they are empty afterwards.
   */
  async *write(parts: readonly AnswerPart[]): AsyncGenerator<Uint8Array, void> {
    const id = this.#nextId++;
    const tensors = parts.flatMap((part) => (typeof part === 'string' ? [] : [part.tensor.data.buffer]));
    this.#post({ kind: 'write', id, parts }, [...new Set(tensors)] as ArrayBuffer[]);
    try {
      for (;;) {
        const answer = await this.#ask({ kind: 'next', id });
        if (answer.kind === 'refused') throw new HttpError(answer.status, answer.message);
        if (answer.kind !== 'chunk' || answer.chunk === null) return;
        yield answer.chunk;
      }
    } finally {
      this.#worker?.postMessage({ kind: 'drop', id } satisfies ToTextThread);
    }
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #ask(message: ToTextThread, transfer?: readonly ArrayBuffer[]): Promise<FromTextThread> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      this.#post(message, transfer);
    });
  }

  #post(message: ToTextThread, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker ??= this.#start();
    this.#worker.postMessage(message, transfer);
  }

  #start(): Worker {
    const worker = new Worker(entry, { resourceLimits, execArgv: [] });
    worker.unref();
    let cause = 'it was closed';
    worker.on('message', (message: FromTextThread) => {
      this.#waiting.get(message.id)?.resolve(message);
      this.#waiting.delete(message.id);
    });
    worker.on('error', (error: unknown) => {
      cause = messageOf(error);
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null;
      const error = new ServeError(
        'unavailable',
        `the thread that reads and writes JSON has ended: ${cause}`,
        1,
      );
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    return worker;
  }
}
