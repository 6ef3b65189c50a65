import { LRUCache } from 'lru-cache';
import type { RequestLabels } from '../metrics.ts';

/** An answer of success as it is sent again. */
export interface StoredAnswer {
  readonly model: string;
  readonly version: string;
  readonly labels: RequestLabels;
  /** Those that say what the body is; not those of one request, such as its id. */
  readonly headers: Readonly<Record<string, string>>;
  /** Before it is compressed. */
  readonly body: Uint8Array;
}

/** What an entry takes besides its body, bytes, about. */
const overhead = 512;
/** One answer may take this part of the whole. */
const largestPart = 8;

/** Answers to seeded requests, by entity tag; those that were not asked for the longest go first. */
export class ResponseCache {
  readonly #entries: LRUCache<string, StoredAnswer> | null;
  /** Bytes of the largest body that is kept. */
  readonly largest: number;

  /** @param bytes that all answers may take; 0 keeps none */
  constructor(bytes: number) {
    this.largest = Math.max(0, Math.floor(bytes / largestPart) - overhead);
    this.#entries =
      this.largest > 0
        ? new LRUCache({ maxSize: bytes, sizeCalculation: ({ body }) => body.length + overhead })
        : null;
  }

  get(tag: string): StoredAnswer | undefined {
    return this.#entries?.get(tag);
  }

  /** Keeps an answer, unless its body is larger than `largest`. */
  keep(tag: string, answer: StoredAnswer): void {
    if (answer.body.length <= this.largest) this.#entries?.set(tag, answer);
  }

  /** Frees what a model's version answered, when it is replaced or removed: its tags are never asked for again. */
  forget(model: string, version: string): void {
    for (const [tag, answer] of this.#entries?.entries() ?? []) {
      if (answer.model === model && answer.version === version) this.#entries!.delete(tag);
    }
  }

  /** Bytes of what is kept, and how many answers. */
  get size(): { readonly bytes: number; readonly answers: number } {
    return { bytes: this.#entries?.calculatedSize ?? 0, answers: this.#entries?.size ?? 0 };
  }
}
