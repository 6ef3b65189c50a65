import { UserError } from '../errors.ts';
import type { NoiseDistribution } from '../program/program.ts';
import { sizeOf } from '../program/tensor.ts';
import { boxMuller } from './box-muller.ts';
import { philox4x32 } from './philox.ts';

/** A 64-bit seed: a whole number from 0 to 2^53 - 1, or a bigint from 0 to 2^64 - 1. */
export type Seed = number | bigint;

export interface NoiseRequest {
  readonly distribution: NoiseDistribution;
  readonly seed: Seed;
  /** What the noise is for, such as `sample/z`: different names give independent noise. */
  readonly stream: string;
  /** Index of the first sample, below 2^32. */
  readonly firstIndex: number;
  readonly count: number;
  /** Which of several draws for the same sample this is (a training step, an importance sample); 0 when absent. */
  readonly draw?: number;
  /** Shape of one sample's noise. */
  readonly shape: readonly number[];
  /** Numbers left out at the start of each sample's noise, 0 when absent: a part of a longer sequence by itself. */
  readonly skip?: number;
}

const wordLimit = 2 ** 32;

/**
 * Noise of `count` consecutive samples, [count, ...shape]. What sample i gets depends on (seed, stream, i, draw)
 * alone: neither the batch that it is in nor the number of samples matters.
 *
 * The Philox key is the seed; the counter is (block within the sample, FNV-1a hash of the stream, sample index,
 * draw). `uniform` keeps the upper 24 bits of each word, on [0, 1); `normal` is Box-Muller in double precision,
 * rounded to float32. Both are the same to the last bit on every JavaScript engine.
 * @throws UserError when the seed, an index or the draw is out of range.
 */
export function fillNoise(request: NoiseRequest): Float32Array<ArrayBuffer> {
  checkNoiseKey(request);
  checkWord('skip', request.skip ?? 0);
  const out = new Float32Array(request.count * sizeOf(request.shape));
  fillNoiseInto(out, request);
  return out;
}

/** As `fillNoise`, into an array of exactly that size, for a key that `checkNoiseKey` accepts. */
export function fillNoiseInto(out: Float32Array, request: NoiseRequest): void {
  const { distribution, firstIndex, count, draw = 0, shape, skip = 0 } = request;
  const [key0, key1] = seedWords(request.seed);
  const stream = hashName(request.stream);
  const size = sizeOf(shape);
  const words = new Uint32Array(4);
  const normals = new Float64Array(4);
  for (let i = 0; i < count; i++) {
    for (let block = Math.floor(skip / 4); block * 4 < skip + size; block++) {
      philox4x32(words, block, stream, firstIndex + i, draw, key0, key1);
      const at = i * size + block * 4 - skip;
      const first = Math.max(0, skip - block * 4);
      const end = Math.min(4, skip + size - block * 4);
      if (distribution === 'uniform') {
        for (let j = first; j < end; j++) out[at + j] = (words[j]! >>> 8) / 2 ** 24;
      } else {
        boxMuller(normals, 0, words[0]!, words[1]!);
        if (end > 2) boxMuller(normals, 2, words[2]!, words[3]!);
        for (let j = first; j < end; j++) out[at + j] = normals[j]!;
      }
    }
  }
}

/** @throws UserError when the seed, an index or the draw is out of range. */
export function checkNoiseKey({
  seed,
  firstIndex,
  count,
  draw = 0,
}: Pick<NoiseRequest, 'seed' | 'firstIndex' | 'count' | 'draw'>): void {
  seedWords(seed);
  checkWord('first sample index', firstIndex);
  checkWord('draw', draw);
  if (!Number.isSafeInteger(count) || count < 0 || firstIndex + count > wordLimit) {
    throw new UserError(
      `noise: samples ${firstIndex} to ${firstIndex} + ${count} are out of range (indices are whole numbers below 2^32)`,
    );
  }
}

/** The two 32-bit halves of a seed, least significant first. @throws UserError when it is out of range. */
export function seedWords(seed: Seed): [number, number] {
  const good =
    typeof seed === 'bigint' ? seed >= 0n && seed < 2n ** 64n : Number.isSafeInteger(seed) && seed >= 0;
  if (!good) {
    throw new UserError(`seed: expected a whole number from 0 to 2^53 - 1, got ${String(seed)}`);
  }
  if (typeof seed === 'bigint') return [Number(seed & 0xffffffffn), Number(seed >> 32n)];
  return [seed % wordLimit, Math.floor(seed / wordLimit)];
}

/** 32-bit FNV-1a hash of a name's UTF-8 bytes (Fowler, Noll and Vo). */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function checkWord(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0 || value >= wordLimit) {
    throw new UserError(`noise: ${what} must be a whole number from 0 to 2^32 - 1, got ${value}`);
  }
}

/** A random seed below 2^32, short enough to write down. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
