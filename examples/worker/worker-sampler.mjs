// @ts-check
import { Worker } from 'node:worker_threads';

/** @typedef {{ readonly shape: readonly number[], readonly data: Float32Array }} Samples */

/** Samples a bundle in a thread of its own. `close` it, or the process does not end. */
export class WorkerSampler {
  /** @type {Map<number, { resolve: (samples: Samples) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #worker;
  #next = 0;

  /** @param {string} bundle folder of the bundle */
  constructor(bundle) {
    this.#worker = new Worker(new URL('./sampler-worker.mjs', import.meta.url), { workerData: { bundle } });
    this.#worker.on('message', ({ id, data, error }) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(data);
      else waiting?.reject(new Error(error));
    });
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the worker has ended')));
  }

  /**
   * @param {number} count
   * @param {number} seed
   * @returns {Promise<Samples>}
   */
  sample(count, seed) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, count, seed });
    });
  }

  async close() {
    await this.#worker.terminate();
  }

  /** @param {unknown} error */
  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(/** @type {Error} */ (error));
    this.#waiting.clear();
  }
}
