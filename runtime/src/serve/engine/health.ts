/** So many workers in a row that a bundle's runs have ended, and it is set aside. */
const offencesAllowed = 3;
/** For so long at first, milliseconds, twice as long each time after. */
const firstRestMs = 30_000;
const longestRestMs = 3_600_000;

/**
 * Whether a bundle can be trusted with a worker. One whose runs end one worker after the other, by crashing it or by not
 * coming to an end, is set aside for a while; then it may try again, and one more offence sets it aside at once.
 */
export class Health {
  #offences = 0;
  #restMs = firstRestMs;
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** What the last offence was. */
  reason = '';

  /** Milliseconds until it may be asked again; 0 when it may now. */
  restsFor(now: number): number {
    return Math.max(0, this.#restsUntil - now);
  }

  /** A run has ended its worker. @returns whether the bundle is set aside by it */
  offence(now: number, reason: string): boolean {
    this.reason = reason;
    this.#offences++;
    if (this.#offences < offencesAllowed || this.restsFor(now) > 0) return false;
    this.#restsUntil = now + this.#restMs;
    this.#restMs = Math.min(longestRestMs, 2 * this.#restMs);
    return true;
  }

  /** A run has come to its end. */
  success(): void {
    this.#offences = 0;
    this.#restMs = firstRestMs;
  }
}
