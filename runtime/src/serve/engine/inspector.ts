import type { InspectedBundle } from './messages.ts';
import { type OnLine, patienceMs, WorkerDied, WorkerHandle } from './worker-handle.ts';

export interface InspectorOptions {
  readonly memoryBytes: number;
  readonly onLine: OnLine;
}

/**
 * Inspects bundles in a process of its own, which a bundle may crash or stall without disturbing those that serve. It
 * uses the CPU whatever the device, since some devices have room for one process only.
 */
export class Inspector {
  readonly #options: InspectorOptions;
  #worker: WorkerHandle | null = null;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /**
   * @param runLimitMs for one run of a program
   * @param idle a worker on the CPU that has nothing else to do
   * @throws with what is wrong with the bundle, in one line.
   */
  async inspect(folder: string, runLimitMs: number, idle?: WorkerHandle | null): Promise<InspectedBundle> {
    const worker = idle ?? this.#own();
    await worker.ready;
    try {
      const inspected = await worker.request({ kind: 'inspect', folder }, patienceMs).catch(explain(folder));
      for (const program of Object.keys(inspected.programs)) {
        await worker
          .request({ kind: 'try', program }, runLimitMs)
          .catch(explain(`${folder}, program ${program}`));
      }
      return inspected;
    } finally {
      // One that has died has forgotten.
      await worker.request({ kind: 'forget' }, patienceMs).catch(() => undefined);
    }
  }

  /** Ends the process; a later `inspect` starts another. */
  async close(graceMs?: number): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.close(graceMs);
  }

  #own(): WorkerHandle {
    const { memoryBytes, onLine } = this.#options;
    const worker = this.#worker ?? new WorkerHandle({ device: 'cpu', threads: 1, memoryBytes }, onLine);
    this.#worker = worker;
    void worker.ended.then(() => {
      if (this.#worker === worker) this.#worker = null;
    });
    return worker;
  }
}

function explain(what: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof WorkerDied ? new Error(`bundle ${what}: ${error.message}`) : error;
  };
}
