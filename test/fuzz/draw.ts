/** A tensor of a random program: an input or what a line of it gave. */
export interface Known {
  readonly name: string;
  readonly dtype: 'float32' | 'int32' | 'bool';
  readonly shape: readonly number[];
  /**
   * Whether its values are small multiples of 1/1024, so that every way of computing them gives the same. What jumps
   * (floor, a comparison, the place of the largest) is asked of such values alone: rounding decides it for others.
   */
  readonly exact: boolean;
}

/** A call of tfjs in the words of a program, of tensors known before. */
export interface Line {
  readonly text: string;
  /** Whether the call keeps exact values exact. */
  readonly exact: boolean;
}

/** Choices read off a list of numbers, from the front again after its end: smaller numbers are simpler choices. */
export class Draw {
  readonly #numbers: readonly number[];
  readonly #known: readonly Known[];
  #next = 0;

  constructor(numbers: readonly number[], known: readonly Known[] = []) {
    this.#numbers = numbers;
    this.#known = known;
  }

  /** An integer from 0 to `count` - 1. */
  below(count: number): number {
    const index = this.#next++;
    // From the second time round on other numbers than the first.
    const salted =
      this.#numbers[index % this.#numbers.length]! + 7 * Math.floor(index / this.#numbers.length);
    return salted % count;
  }

  flag(): boolean {
    return this.below(2) === 1;
  }

  oneOf<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** The latest tensors are drawn by the smallest numbers. */
  tensor(fits: (x: Known) => boolean): Known | null {
    const fitting = this.#known.filter(fits).toReversed();
    return fitting.length === 0 ? null : this.oneOf(fitting);
  }

  /** An axis of a tensor of some rank, counted from the front or from the end. */
  axis(rank: number): number {
    const axis = this.below(rank);
    return this.flag() ? axis - rank : axis;
  }

  /** Some axes, at least one where the rank allows. */
  axes(rank: number): number[] {
    if (rank === 0) return [];
    const axes = Array.from({ length: rank }, (_, i) => i).filter(() => this.below(3) > 0);
    const some = axes.length > 0 ? axes : [this.below(rank)];
    return this.flag() ? some.map((axis) => axis - rank) : some;
  }
}
