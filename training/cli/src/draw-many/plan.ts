import { type DataSpec, sizeOf, UserError } from '@generatrix/runtime/core';

/** Samples `first` to `first + count - 1`. */
export interface Range {
  readonly first: number;
  readonly count: number;
}

/** Samples in one run of a program. Rounding may depend on it, so every run has as many, wherever a shard begins. */
export const runRows = 64;

/** Values of a block, about: 4 MB. */
const blockValues = 2 ** 20;
/** Samples of a block at most. */
const mostRows = 65_536;

/** Samples that are drawn, hashed and written together: a power of two times `runRows`, by the shape alone. */
export function blockRows({ shape }: Pick<DataSpec, 'shape'>): number {
  let rows = runRows;
  while (2 * rows <= mostRows && 2 * rows * sizeOf(shape) <= blockValues) rows *= 2;
  return rows;
}

/** The blocks of a range that begins with one; the last may be shorter. */
export function* blocksOf({ first, count }: Range, rows: number): Generator<Range> {
  for (let done = 0; done < count; done += rows) {
    yield { first: first + done, count: Math.min(rows, count - done) };
  }
}

/**
 * The ranges of all shards: whole blocks, as evenly as they go.
 * @throws UserError when there are more shards than blocks.
 */
export function shardRanges(count: number, shards: number, rows: number): readonly Range[] {
  const blocks = Math.ceil(count / rows);
  if (shards > blocks) {
    throw new UserError(
      `--shards ${shards}: ${count} samples are ${blocks} blocks of ${rows}, which stay whole; say at most ${blocks}`,
    );
  }
  const bound = (shard: number) => Math.min(count, rows * Math.floor((shard * blocks) / shards));
  return Array.from({ length: shards }, (_, shard) => {
    const first = bound(shard);
    return { first, count: (shard + 1 === shards ? count : bound(shard + 1)) - first };
  });
}

/** `shard-00003-of-00010`: what its files' names begin with. */
export function shardName(shard: number, shards: number): string {
  const digits = (value: number) => String(value).padStart(5, '0');
  return `shard-${digits(shard)}-of-${digits(shards)}`;
}
