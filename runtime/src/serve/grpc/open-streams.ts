import type { ServerDuplexStream } from '@grpc/grpc-js';
import { ServeError } from '../engine/engine.ts';
import { failureOf } from './status.ts';

/** How soon a stream is looked at again whose last answer is on its way, ms. */
const retryMs = 20;

type Call = ServerDuplexStream<unknown, unknown>;

/**
 * Streams that clients have opened. Left to themselves they would keep a server that shuts down waiting: one on which
 * nothing is asked ends then, any other when what has arrived on it is answered.
 */
export class OpenStreams {
  /** And whether a request of it is being answered. */
  readonly #calls = new Map<Call, boolean>();
  #draining = false;

  add(call: Call): void {
    this.#calls.set(call, false);
    this.#endIfIdle(call);
  }

  delete(call: Call): void {
    this.#calls.delete(call);
  }

  has(call: Call): boolean {
    return this.#calls.has(call);
  }

  /** A request of a stream is taken. */
  taken(call: Call): void {
    if (this.#calls.has(call)) this.#calls.set(call, true);
  }

  /**
   * A request of a stream has its answer.
   * @throws ServeError `unavailable` when that was the last that the server answers.
   */
  answered(call: Call): void {
    if (this.#calls.has(call)) this.#calls.set(call, false);
    if (this.#draining && call.readableLength === 0) throw shuttingDown();
  }

  drain(): void {
    this.#draining = true;
    for (const call of this.#calls.keys()) this.#endIfIdle(call);
  }

  #endIfIdle(call: Call): void {
    if (!this.#draining || this.#calls.get(call) !== false || call.readableLength > 0) return;
    if (call.writableLength > 0) {
      // An error would destroy the stream before what is written has left.
      setTimeout(() => this.#endIfIdle(call), retryMs).unref();
      return;
    }
    this.#calls.delete(call);
    call.emit('error', failureOf(shuttingDown()));
  }
}

function shuttingDown(): ServeError {
  return new ServeError('unavailable', 'the server is shutting down', 1);
}
