import { UserError } from '../errors.ts';
import { boxMuller } from './box-muller.ts';
import { hashName, type Seed, seedWords } from './noise.ts';
import { philox4x32 } from './philox.ts';

/** A sequence of random numbers for work on the host: making data, starting an algorithm. */
export interface RandomStream {
  /** Uniform on [0, 1), 53 bits. */
  nextUniform(): number;
  /** Standard normal, double precision. */
  nextNormal(): number;
  /** A whole number from 0 to `below` - 1, without bias; `below` is from 1 to 2^32. */
  nextInt(below: number): number;
}

/** The draw that no `fillNoise` call is likely to use, so that equal names do not give equal numbers. */
const hostDraw = 0xffffffff;

/**
 * A stream of random numbers that depends on the seed, the name and the index alone. Philox, with the block number
 * in the first counter word and the index in the third; a stream holds 2^34 words.
 * @param index keys streams of the same name, such as one for each example
 * @throws UserError when the seed is out of range.
 */
export function randomStream(seed: Seed, stream: string, index = 0): RandomStream {
  const [key0, key1] = seedWords(seed);
  const name = hashName(stream);
  const words = new Uint32Array(4);
  const normals = new Float64Array(2);
  let position = 0;
  let spare: number | null = null;

  const nextWord = (): number => {
    const lane = position % 4;
    if (lane === 0) {
      philox4x32(words, position / 4, name, index, hostDraw, key0, key1);
    }
    position += 1;
    return words[lane]!;
  };

  return {
    nextUniform: () => {
      const high = nextWord() >>> 5;
      const low = nextWord() >>> 6;
      return (high * 2 ** 26 + low) / 2 ** 53;
    },
    nextNormal: () => {
      if (spare !== null) {
        const value = spare;
        spare = null;
        return value;
      }
      boxMuller(normals, 0, nextWord(), nextWord());
      spare = normals[1]!;
      return normals[0]!;
    },
    nextInt: (below) => {
      if (!Number.isSafeInteger(below) || below < 1 || below > 2 ** 32) {
        throw new UserError(`nextInt: expected a bound from 1 to 2^32, got ${below}`);
      }
      // Words beyond the last whole multiple of the bound would favour small numbers: draw again.
      const limit = 2 ** 32 - (2 ** 32 % below);
      let word = nextWord();
      while (word >= limit) word = nextWord();
      return word % below;
    },
  };
}

/**
 * A uniformly random order of 0 .. n - 1 (Fisher-Yates; Knuth, TAOCP volume 2, algorithm 3.4.2P).
 * @throws UserError when n is not a whole number from 0 to 2^32 - 1, or the seed is out of range.
 */
export function permutation(seed: Seed, stream: string, n: number): Uint32Array<ArrayBuffer> {
  if (!Number.isSafeInteger(n) || n < 0 || n >= 2 ** 32) {
    throw new UserError(`permutation: expected a length from 0 to 2^32 - 1, got ${n}`);
  }
  const random = randomStream(seed, stream);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.nextInt(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}
