import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { BareResult } from './bare-session.ts';

/** A bare session in a process of its own, which runs when it is told to. */
export class BareSession {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param rows of one run */
  static async start(bundle: string, rows: number): Promise<BareSession> {
    const child = fork(fileURLToPath(new URL('./bare-session.js', import.meta.url)), [bundle, String(rows)]);
    const session = new BareSession(child);
    await session.#next();
    return session;
  }

  async run(seconds: number): Promise<BareResult> {
    this.#child.send(seconds);
    return (await this.#next()) as BareResult;
  }

  stop(): void {
    this.#child.disconnect();
  }

  async #next(): Promise<unknown> {
    const waiting = new AbortController();
    const ended = once(this.#child, 'exit', { signal: waiting.signal }).then(([status]) => {
      throw new Error(`the bare session ended with status ${String(status)}`);
    });
    ended.catch(() => undefined);
    try {
      const message = await Promise.race([once(this.#child, 'message', { signal: waiting.signal }), ended]);
      return message[0];
    } finally {
      waiting.abort();
    }
  }
}
