import { hostTensor, sizeOf } from '@generatrix/runtime/core';
import { npyHeader } from '@generatrix/runtime/media';
import { type Block, bytesOf, type ShardContent } from './blocks.ts';
import { parquetParts } from './parquet.ts';
import { tarParts } from './webdataset.ts';

export const formats = ['parquet', 'npy', 'webdataset'] as const;
export type Format = (typeof formats)[number];

/** One file of a shard, in parts. */
export interface ShardFile {
  /** What follows the shard's name. */
  readonly suffix: string;
  readonly parts: AsyncIterable<Uint8Array>;
}

/**
 * A shard as files, which are to be written in order: the first takes the blocks, others what was gathered meanwhile.
 * - `parquet`: columns `index`, `label` (of models with classes) and `values`, a list of each sample's values in C order;
 *   a row group for each block.
 * - `npy`: an array [n, ...shape], and beside it the classes as `.labels.npy`.
 * - `webdataset`: a tar file with INDEX.npy, and INDEX.cls where there are classes.
 */
export function shardFiles(
  format: Format,
  content: ShardContent,
  labelled: boolean,
  blocks: AsyncIterable<Block>,
): readonly ShardFile[] {
  if (format === 'parquet') return [{ suffix: '.parquet', parts: parquetParts(content, labelled, blocks) }];
  if (format === 'webdataset') return [{ suffix: '.tar', parts: tarParts(blocks) }];
  const labels = new Int32Array(labelled ? content.range.count : 0);
  const array = { suffix: '.npy', parts: arrayParts(content, labels, blocks) };
  return labelled ? [array, { suffix: '.labels.npy', parts: labelParts(labels) }] : [array];
}

/** Bytes that a shard takes on the disk, about. */
export function shardBytes(format: Format, { range, shape }: ShardContent, labelled: boolean): number {
  const values = 4 * sizeOf(shape);
  // A member of a tar file has a header, and ends with a block of 512 bytes.
  const member = (bytes: number) => 512 + 512 * Math.ceil(bytes / 512);
  if (format === 'webdataset') return range.count * (member(128 + values) + (labelled ? member(2) : 0));
  return range.count * (values + (labelled ? 4 : 0) + (format === 'parquet' ? 8 : 0));
}

async function* arrayParts(
  { range, shape, dtype }: ShardContent,
  labels: Int32Array,
  blocks: AsyncIterable<Block>,
): AsyncGenerator<Uint8Array> {
  yield npyHeader({ dtype, shape: [range.count, ...shape] });
  for await (const block of blocks) {
    if (block.labels !== null) labels.set(block.labels, block.first - range.first);
    yield bytesOf(block.data.data);
  }
}

async function* labelParts(labels: Int32Array): AsyncGenerator<Uint8Array> {
  yield npyHeader(hostTensor('int32', [labels.length], labels));
  yield bytesOf(labels);
}
