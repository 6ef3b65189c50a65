/** How steps are run: each by itself, or several in one run of a program that loops over them. */
export type Manner = 'single' | 'block';

/** Single steps run before any counts; the first ones are slower, as memory is found for them. */
const warmUp = 2;
/** What a block should take, so that progress moves and Ctrl-C is heard. Milliseconds. */
const blockTime = 1000;
/** What a block should take while the manners are compared, where a single step of a slow model is too much already. */
const triedTime = 250;
const longestBlock = 64;
/** Bytes that the inputs of a block may take. */
const blockBytes = 16 * 2 ** 20;
/** Stretches of each manner that are compared, turn about. A block before them does not count. */
const rounds = 3;
/** Stretches that tell how long a block may be. */
const remembered = 5;
/** After this time the two are compared again: another program may have come or gone. Milliseconds. */
const lookAgain = 60_000;

/**
 * Finds out while training which manner is faster, on a machine that others use too: both run in turn for as many
 * steps, and the fastest stretch of each counts. What is measured decides about time alone: the state and the metrics
 * are the same either way.
 */
export class StepPace {
  readonly #now: () => number;
  #warm = 0;
  /** Milliseconds a step of the last stretches, newest last, whatever their manner. */
  #recent: number[] = [];
  #stepBytes = 0;
  /** The comparison in progress. */
  #trial: { readonly fastest: Record<Manner, number>; done: number; warm: boolean } | null = null;
  #settled: { readonly manner: Manner; readonly at: number } | null = null;
  /** The stretch of single steps in progress. */
  #singles = { count: 0, time: 0 };

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How the next steps should be run. */
  get manner(): Manner {
    if (this.#trial !== null) return this.#trial.done % 2 === 0 ? 'single' : 'block';
    return this.#settled?.manner ?? 'single';
  }

  /** Steps that should be taken at once; as a block where there are more than one. */
  get blockSize(): number {
    return this.manner === 'single' ? 1 : this.#length;
  }

  /** How this many steps are run: a single one by the loop as well, where its own program is not going to be used. */
  mannerOf(steps: number): Manner {
    return steps > 1 || this.unused === 'single' ? 'block' : 'single';
  }

  /** The manner that is not going to be used for a while, null while both may be. */
  get unused(): Manner | null {
    if (this.#trial !== null || this.#settled === null) return null;
    return this.#settled.manner === 'single' ? 'block' : 'single';
  }

  /**
   * Takes in that so many steps were run in one manner.
   * @param milliseconds what they took, as far as they themselves are to blame
   * @param stepBytes what the inputs of one take
   */
  record(manner: Manner, steps: number, milliseconds: number, stepBytes: number): void {
    this.#stepBytes = stepBytes;
    if (this.#warm < warmUp) {
      this.#warm += steps;
      return;
    }
    if (manner === 'block') this.#stretch('block', milliseconds / steps);
    else this.#single(steps, milliseconds);
    const due = this.#settled === null || this.#now() - this.#settled.at >= lookAgain;
    if (this.#trial === null && due && this.#length > 1) {
      this.#trial = { fastest: { single: Infinity, block: Infinity }, done: 0, warm: false };
      this.#singles = { count: 0, time: 0 };
    }
  }

  /** Single steps are compared by stretches as long as a block: short ones would be disturbed more seldom. */
  #single(steps: number, milliseconds: number): void {
    this.#singles.count += steps;
    this.#singles.time += milliseconds;
    const { count, time } = this.#singles;
    if (this.#trial !== null && count < this.#length) return;
    this.#singles = { count: 0, time: 0 };
    this.#stretch('single', time / count);
  }

  #stretch(manner: Manner, perStep: number): void {
    this.#recent = [...this.#recent, perStep].slice(-remembered);
    const trial = this.#trial;
    if (trial === null || manner !== this.manner) return;
    if (manner === 'block' && !trial.warm) {
      trial.warm = true;
      return;
    }
    trial.fastest[manner] = Math.min(trial.fastest[manner], perStep);
    trial.done++;
    if (trial.done < 2 * rounds) return;
    this.#settled = {
      manner: trial.fastest.block < trial.fastest.single ? 'block' : 'single',
      at: this.#now(),
    };
    this.#trial = null;
  }

  /** Steps of a block that keeps to the limits, by the fastest of the last stretches; 1 where there are none. */
  get #length(): number {
    if (this.#recent.length === 0) return 1;
    // onnxruntime-node copies the whole state at the end of a run: the longer a block, the less that is for each step.
    const time = this.#trial === null && this.#settled?.manner === 'block' ? blockTime : triedTime;
    const byTime = Math.floor(time / Math.min(...this.#recent));
    const byMemory = Math.floor(blockBytes / this.#stepBytes);
    return Math.max(1, Math.min(longestBlock, byTime, byMemory));
  }
}
