import { permutation } from '@generatrix/runtime/core';
import type { Figures } from './diagnostic.ts';
import { median } from './statistics.ts';

/** Splits whose figures make up what real examples give; a figure beyond all of them has p = 1 / (splits + 1). */
export const splitCount = 400;

/** Two disjoint sides of real examples, of one size. */
export interface RealSplit {
  /** Numbers of examples in the pool that samples are compared with. */
  readonly first: Int32Array;
  /** Numbers of examples in that pool too, or in the other one, whose numbers follow those of the first. */
  readonly second: Int32Array;
}

export interface RealSplitOptions {
  /** Examples in the pool that samples are compared with. */
  readonly pool: number;
  /** Examples in the other pool. */
  readonly other: number;
  /** Examples of a side. */
  readonly size: number;
  /** 400 when absent. */
  readonly splits?: number;
}

/**
 * Random pairs of sides: the first from the pool that samples are compared with, the second in turn from the rest of
 * that pool and from the other one. Their seeds are their own, so that they do not move with the evaluation's.
 */
export function* realSplits({
  pool,
  other,
  size,
  splits = splitCount,
}: RealSplitOptions): Generator<RealSplit> {
  if (2 * size > pool || size > other) {
    throw new Error(`real splits: sides of ${size} need more than ${pool} and ${other} examples`);
  }
  for (let split = 0; split < splits; split++) {
    const order = Int32Array.from(permutation(split, 'evaluate/splits', pool));
    const first = order.subarray(0, size);
    if (split % 2 === 0) {
      yield { first, second: order.subarray(size, 2 * size) };
    } else {
      const others = permutation(split, 'evaluate/splits/other', other).subarray(0, size);
      yield { first, second: Int32Array.from(others, (index) => pool + index) };
    }
  }
}

/**
 * What a figure is when both sides are real: its values over random splits. Samples of the same distribution give one
 * more draw of the figure, so a figure beyond every split says that they are not of it, with a false alarm in one of
 * splits + 1 cases.
 */
export class RealRange {
  readonly #values: Float64Array;

  constructor(values: ArrayLike<number>) {
    this.#values = Float64Array.from(values).sort();
  }

  get low(): number {
    return this.#values[0]!;
  }

  get high(): number {
    return this.#values.at(-1)!;
  }

  get median(): number {
    return median(this.#values);
  }

  /** Is this above what every split gave? */
  isAbove(value: number): boolean {
    return value > this.high;
  }

  /** Is this below what every split gave? */
  isBelow(value: number): boolean {
    return value < this.low;
  }

  /** The extremes, for a sentence. */
  describe(format: (value: number) => string): string {
    return `${format(this.low)} to ${format(this.high)} for real against real`;
  }

  /** For `evaluation.json`. */
  get figures(): Figures {
    return { median: this.median, low: this.low, high: this.high, splits: this.#values.length };
  }
}
