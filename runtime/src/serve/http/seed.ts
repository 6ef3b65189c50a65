import { z } from 'zod';
import type { Seed } from '../../noise/noise.ts';

const largest = 2n ** 64n - 1n;

/**
 * A seed in JSON: a whole number up to 2^53 - 1, or its decimal digits as a string, up to 2^64 - 1, because JSON
 * readers round larger numbers.
 */
export const seedSchema = z
  .union([z.int().min(0), z.string().regex(/^\d{1,20}$/, { error: 'expected a string of digits' })], {
    error: 'expected a whole number from 0 to 2^53 - 1, or a string of digits up to 2^64 - 1',
  })
  // A text that the union has refused comes here too.
  .refine((value) => !/^\d{1,20}$/.test(String(value)) || BigInt(value) <= largest, {
    error: 'expected a seed of at most 2^64 - 1',
  })
  .transform((value): Seed => fromDigits(BigInt(value)))
  .meta({ description: 'The same seed gives the same answer on every replica; a random one when absent' });

/** A seed as JSON carries it: what `seedSchema` reads back. */
export function seedJson(seed: Seed): number | string {
  const value = fromDigits(BigInt(seed));
  return typeof value === 'number' ? value : String(value);
}

function fromDigits(value: bigint): Seed {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
