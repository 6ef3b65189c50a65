import type { HostTensor } from '../../program/tensor.ts';

/** Less is cheaper to take from the allocator. */
const leastBytes = 16_384;

/**
 * Memory of answers that were sent, for those to come. What V8 allocates for typed arrays counts as memory outside of its
 * heap, and for every 64 MB of that it marks the whole heap: with large answers that took a third of the server's time.
 */
export class MemoryPool {
  readonly #limit: number;
  /** The last to come is the first to go: it is in the processor's cache. */
  readonly #free: ArrayBuffer[] = [];
  #bytes = 0;

  /** @param limit bytes that may lie unused */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that lie unused. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Memory of exactly so many bytes, with anything in it. */
  take(bytes: number): ArrayBuffer {
    const at = bytes < leastBytes ? -1 : this.#free.findLastIndex(({ byteLength }) => byteLength === bytes);
    if (at === -1) return Buffer.allocUnsafeSlow(bytes).buffer as ArrayBuffer;
    this.#bytes -= bytes;
    return this.#free.splice(at, 1)[0]!;
  }

  /**
   * Takes memory back, which nobody may read or write any more. What is too much is left to V8, the oldest first; so is
   * what has been handed to another thread, and is empty.
   */
  give(buffer: ArrayBuffer): void {
    const bytes = buffer.byteLength;
    if (bytes < leastBytes || bytes > this.#limit || this.#free.includes(buffer)) return;
    this.#free.push(buffer);
    this.#bytes += bytes;
    while (this.#bytes > this.#limit) this.#bytes -= this.#free.shift()!.byteLength;
  }
}

/** Gives the memory of tensors back, each of which had its own. */
export function giveBack(memory: MemoryPool, tensors: Readonly<Record<string, HostTensor>>): void {
  for (const { data } of Object.values(tensors)) {
    if (data.byteLength === data.buffer.byteLength) memory.give(data.buffer as ArrayBuffer);
  }
}
