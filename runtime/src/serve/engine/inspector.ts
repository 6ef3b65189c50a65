import type { InspectedBundle } from './messages.ts';
import { WorkerHandle } from './worker-handle.ts';

/** Reading and compiling the largest bundles takes seconds; a network mount may be slow. */
const patienceMs = 300_000;

/**
 * Inspects bundles in a thread of its own, which a bundle may crash or stall without disturbing the threads that serve. It uses
 * the CPU whatever the device, since some devices have room for one thread only.
 */
export class Inspector {
  #worker: WorkerHandle | null = null;

  /** @throws with what is wrong with the bundle, in one line. */
  async inspect(folder: string): Promise<InspectedBundle> {
    const worker = this.#worker ?? new WorkerHandle({ device: 'cpu', threads: 1 });
    this.#worker = worker;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      void worker.close(0);
    }, patienceMs);
    try {
      await worker.ready;
      return await worker.request({ kind: 'inspect', folder });
    } catch (error) {
      if (late) throw new Error(`bundle ${folder}: not read within ${patienceMs / 1000} s`);
      throw error;
    } finally {
      clearTimeout(timer);
      void worker.ended.then(() => {
        if (this.#worker === worker) this.#worker = null;
      });
    }
  }

  /** Ends the thread; a later `inspect` starts another. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.close();
  }
}
