/** Steps timed before a block is sized; the first ones are slower, as memory is found for them. */
const warmUp = 2;
const timed = 6;
/** What a block should take, so that progress moves and Ctrl-C is heard. Milliseconds. */
const blockTime = 250;
const longestBlock = 16;

/** Sizes blocks of training steps by the time that single ones take. */
export class StepPace {
  readonly #times: number[] = [];

  record(milliseconds: number): void {
    if (this.#times.length < timed) this.#times.push(milliseconds);
  }

  /** Steps to take at once: 1 until enough of them were timed. */
  get blockSize(): number {
    if (this.#times.length < timed) return 1;
    const fastest = Math.min(...this.#times.slice(warmUp));
    return Math.min(longestBlock, Math.max(1, Math.floor(blockTime / fastest)));
  }
}
