import type { JsonLimits } from './scan.ts';
import type { AnswerPart } from './tensor-text.ts';

/** What the main thread and the thread that reads and writes large JSON say to each other. */

export type ToTextThread =
  | {
      readonly kind: 'parse';
      readonly id: number;
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** Of these, how many are JSON. */
      readonly length: number;
      readonly limits: JsonLimits;
      /** Lists of more numbers than this come back as `NumberList`. */
      readonly keep: number;
    }
  | { readonly kind: 'write'; readonly id: number; readonly parts: readonly AnswerPart[] }
  /** The next chunk of a text. */
  | { readonly kind: 'next'; readonly id: number }
  /** The rest of a text is not wanted. */
  | { readonly kind: 'drop'; readonly id: number };

export type FromTextThread =
  | {
      readonly id: number;
      readonly kind: 'value';
      readonly value: unknown;
      /** The body's own. */
      readonly bytes: Uint8Array<ArrayBuffer>;
      /** SHA-256 of the body. */
      readonly digest: Uint8Array;
    }
  | { readonly id: number; readonly kind: 'refused'; readonly status: number; readonly message: string }
  /** Null after the last. */
  | { readonly id: number; readonly kind: 'chunk'; readonly chunk: Uint8Array<ArrayBuffer> | null };
