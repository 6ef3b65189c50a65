import { createHash } from 'node:crypto';
import { permutation, UserError } from '@generatrix/runtime/core';
import type { Split, SplitRule } from './dataset.ts';

/** Parts that are drawn from the training examples when the files come without them. */
const heldOut = ['validation', 'test'] as const;
export type HeldOut = (typeof heldOut)[number];

/** Which examples are asked for. */
export interface PartRequest {
  readonly split: Split;
  /** At most so many examples; all when absent. */
  readonly size?: number | undefined;
  /** Salt of the hash; 0 when absent. */
  readonly splitSeed?: number | undefined;
  /** `hash` when absent. */
  readonly splitRule?: SplitRule | undefined;
}

/** What an example is told apart by: its path relative to the data's root, or the bytes of its values. */
export type Identity = string | Uint8Array;

/** Examples by index, each with what tells it apart. */
export interface Identified {
  readonly count: number;
  identity(index: number): Identity;
  /** The hash of each under the request's seed, where it is known already. */
  readonly hashes?: ExampleHashes;
}

/** Hashes of many examples: see `exampleHash`. */
export interface ExampleHashes {
  readonly places: Float64Array;
  readonly ranks: Float64Array;
}

/** The upper bounds, in [0, 1), of the hashes that fall to the test and the validation part: a tenth each. */
const bounds: Readonly<Record<HeldOut, number>> = { test: 0.1, validation: 0.2 };

/**
 * Where the examples of a part come from: from the files' part of that name, or drawn from the training files along
 * with the other parts that the files do not bring (`missing`).
 * @param own the parts that the files bring, `train` among them
 */
export function sourceOf(
  { split, splitRule }: PartRequest,
  own: readonly Split[],
): { readonly files: Split; readonly missing: readonly HeldOut[] } {
  const named = own.includes(split);
  if (named && split !== 'train') return { files: split, missing: [] };
  // By the older rule what was tested on also served to validate.
  if (!named && splitRule === 'permutation' && own.includes('test')) return { files: 'test', missing: [] };
  return { files: 'train', missing: heldOut.filter((part) => !own.includes(part)) };
}

/**
 * Two numbers in [0, 1) that depend on the identity and the seed alone: 48 bits each of SHA-256 over the seed and the
 * identity. `place` says which part the example falls to, `rank` in which order a limited part takes it.
 */
export function exampleHash(identity: Identity, seed: number): { place: number; rank: number } {
  const digest = createHash('sha256').update(`${seed}\n`).update(identity).digest();
  return { place: digest.readUIntBE(0, 6) / 2 ** 48, rank: digest.readUIntBE(6, 6) / 2 ** 48 };
}

/**
 * The examples of one part, in increasing order. Parts that the files do not bring (`missing`) are drawn from the
 * training examples by hash, a tenth of all to each; so an example stays where it is when others are added, removed or
 * reordered, and equal examples are never on two sides. A held-out part that would be empty takes the example (with
 * its equals) of the smallest hash; adding examples never moves one from training to a held-out part even then. Where
 * there are so few examples that all hash to held-out parts, the one of the largest hash is trained on.
 * @param examples those that the part is taken from: all, or those of the files' own part
 * @param missing parts that the files do not bring; none when `examples` are those of a held-out part of their own
 * @param where what errors call the data
 * @throws UserError when there are too few distinct examples for each part to hold one.
 */
export function takePart(
  examples: Identified,
  { split, size, splitSeed = 0, splitRule = 'hash' }: PartRequest,
  missing: readonly HeldOut[],
  where: string,
): Int32Array {
  const { count } = examples;
  if (splitRule === 'permutation') return permutedPart(count, { split, size, splitSeed }, missing);
  if (missing.length === 0 && (size ?? count) >= count)
    return Int32Array.from({ length: count }, (_, i) => i);
  const { places, ranks } = examples.hashes ?? emptyHashes(count);
  if (examples.hashes === undefined) addHashes({ places, ranks }, examples, splitSeed, 0);
  return smallestRanks(hashPart(places, split, missing, where), size, ranks);
}

/** Room for the hashes of so many examples. */
export function emptyHashes(count: number): ExampleHashes {
  return { places: new Float64Array(count), ranks: new Float64Array(count) };
}

/** Writes the hashes of some examples, the first of which is the one at `first` of all. */
export function addHashes(
  { places, ranks }: ExampleHashes,
  { count, identity }: Identified,
  seed: number,
  first: number,
): void {
  for (let index = 0; index < count; index++) {
    const { place, rank } = exampleHash(identity(index), seed);
    places[first + index] = place;
    ranks[first + index] = rank;
  }
}

/** Rows of `[rows, width]` values, told apart by their bytes; -0 counts as 0. */
export function rowsOf(values: Uint8Array | Float32Array | Float64Array, width: number): Identified {
  return {
    count: values.length / width,
    identity(index) {
      const row = values.subarray(index * width, (index + 1) * width);
      return row instanceof Uint8Array ? row : new Uint8Array(row.map((value) => value + 0).buffer);
    },
  };
}

/** Examples told apart by these names. */
export function named(names: readonly string[]): Identified {
  return { count: names.length, identity: (index) => names[index]! };
}

/** The examples of a part, by the places of all: see `takePart`. */
export function hashPart(
  places: Float64Array,
  split: Split,
  missing: readonly HeldOut[],
  where: string,
): Int32Array {
  let rest = [...new Set(places)].sort((a, b) => a - b);
  const purpose = missing.includes('test') ? 'train, validate and test' : 'train and validate';
  if (missing.length > 0 && rest.length <= missing.length) {
    throw new UserError(
      `${where}: expected at least ${missing.length + 1} different examples to ${purpose}, found ${rest.length}; add more`,
    );
  }
  // Validation takes the same places whether or not a test part is drawn as well.
  const low = missing.includes('test') ? 0 : bounds.test;
  let held: ReadonlySet<number> | null = null;
  const drawn = (['test', 'validation'] as const).filter((part) => missing.includes(part));
  for (const [done, part] of drawn.entries()) {
    const most = rest.length - (drawn.length - done);
    const fitting = rest.filter((place) => place >= low && place < bounds[part]);
    const chosen = new Set(fitting.length > 0 ? fitting.slice(0, most) : rest.slice(0, 1));
    rest = rest.filter((place) => !chosen.has(place));
    if (part === split) held = chosen;
  }
  const chosen = held ?? new Set(rest);
  const part: number[] = [];
  places.forEach((place, index) => {
    if (chosen.has(place)) part.push(index);
  });
  return Int32Array.from(part);
}

/** The `limit` of these indices that rank first, in increasing order; all of them without a limit. */
function smallestRanks(indices: Int32Array, limit: number | undefined, ranks: Float64Array): Int32Array {
  if (limit === undefined || limit >= indices.length) return indices;
  const ordered = Array.from(indices, (index) => ({ index, rank: ranks[index]! }));
  ordered.sort((a, b) => a.rank - b.rank || a.index - b.index);
  return Int32Array.from(ordered.slice(0, limit), ({ index }) => index).sort();
}

/** Share of the examples that were the test split when the data came without one. */
const testShare = 0.1;

/**
 * A part of data as runs took it before they recorded a rule: of undivided data a permutation of positions held out a
 * tenth, which served to validate and to test; a limit took a seeded subset of positions. Kept so that such a run goes
 * on with the examples that it was trained on.
 * @param missing parts that the files do not bring
 */
export function permutedPart(
  count: number,
  { split, size, splitSeed = 0 }: PartRequest,
  missing: readonly HeldOut[],
): Int32Array {
  const order = Int32Array.from(permutation(splitSeed, 'data/split', count));
  const tested = missing.includes('test') && count >= 2 ? Math.max(1, Math.round(count * testShare)) : 0;
  const held = missing.includes('test') && split !== 'train';
  const part = (held ? order.subarray(0, tested) : order.subarray(tested)).sort();
  if (size === undefined || size >= part.length) return part;
  const chosen = permutation(splitSeed, 'data/subset', part.length).slice(0, size).sort();
  return Int32Array.from(chosen, (position) => part[position]!);
}

/**
 * The split that a path names in a word of its own: `train-0001.tar`, `val/0001.tar`, `cifar_test.parquet`,
 * `data-validation-00000-of-00002.parquet`; null when it names none. The last such word counts.
 */
export function splitInName(path: string): Split | null {
  const words = path.toLowerCase().split(/[^a-z]+/);
  const found = words.findLast((word) => Object.hasOwn(splitWords, word));
  return found === undefined ? null : splitWords[found as keyof typeof splitWords];
}

const splitWords = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
} as const satisfies Record<string, Split>;
