import type { ProgramEntry } from '../../bundle/manifest-schema.ts';
import { rowBytes } from '../engine/accept.ts';
import { ServeError } from '../engine/engine.ts';
import { HttpError } from './http-error.ts';

/** Runs of up to so many bytes are not counted: large answers that are read slowly do not keep small ones out. */
const small = 65_536;

/**
 * Memory of the answers that are under way, bytes: from the moment that a request is taken until its client has its
 * answer, however slowly it reads. Of a request, what its largest run takes and returns.
 */
export class AnswerBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /**
   * Counts a run of `rows` rows.
   * @param counted bytes that are counted for the request already
   * @returns bytes that are counted for it now
   * @throws HttpError 400 when the run takes more than the budget, ServeError `overloaded` when it does not fit now.
   */
  take(entry: ProgramEntry, rows: number, counted: number): number {
    const row = rowBytes(entry);
    const bytes = rows * row;
    if (bytes <= Math.max(small, counted)) return counted;
    if (bytes > this.#limit) {
      const most = Math.floor(this.#limit / row);
      throw new HttpError(
        400,
        `${rows} rows take ${bytes} bytes, more than the server has for answers: ask for at most ${most}`,
      );
    }
    const used = this.#used + bytes - counted;
    if (used > this.#limit) {
      throw new ServeError('overloaded', 'other answers take the memory for answers: try again later', 1);
    }
    this.#used = used;
    return bytes;
  }

  free(bytes: number): void {
    this.#used -= bytes;
  }
}
