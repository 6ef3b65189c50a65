import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Sampler } from '@generatrix/runtime';
import { sha256Hex, UserError } from '@generatrix/runtime/core';
import { checkSpace, clearSiblings, makeFolder, writeFileAtomic } from '@generatrix/training/files';
import { type DrawRequest, drawBlocks, labelInput, programOf, type ShardContent } from './blocks.ts';
import { type Format, shardBytes, shardFiles } from './formats.ts';
import { blockRows, type Range, shardName, shardRanges } from './plan.ts';
import {
  damageOf,
  manifestOf,
  type RecordedRequest,
  readRecord,
  type SamplesManifest,
  type ShardRecord,
  writeManifest,
  writeRecord,
} from './record.ts';

/** Samples in shards, all of them or one. */
export interface ShardsRequest extends DrawRequest {
  readonly count: number;
  readonly shards: number;
  /** From 0; all when absent. */
  readonly shard?: number;
  readonly format: Format;
  readonly out: string;
}

type Model = Pick<Sampler, 'sample' | 'manifest'>;
type Report = (line: string) => void;

interface Plan {
  readonly request: RecordedRequest;
  readonly ranges: readonly Range[];
  /** Those that are asked for. */
  readonly shards: readonly number[];
}

/**
 * Draws the shards that are not there yet, each into files that appear when they are whole, and then its record. When
 * all shards of the folder are there, whoever drew them, writes `manifest.json`.
 * @returns the manifest; null while other shards are missing
 * @throws UserError when the folder holds shards of other samples, or the disk has no room.
 */
export async function drawShards(
  sampler: Model,
  asked: ShardsRequest,
  report: Report,
): Promise<SamplesManifest | null> {
  const { request, ranges, shards } = planOf(sampler, asked);
  await makeFolder(asked.out);
  for (const shard of shards) {
    const record = await readRecord(asked.out, shard, request);
    const damage = record === null ? null : await damageOf(asked.out, record);
    const name = `shard ${shard} of ${request.shards}`;
    if (record !== null && damage === null) {
      report(`${name} is there already, and whole`);
      continue;
    }
    if (damage !== null) report(`${name} is drawn again: ${damage}`);
    await drawShard(sampler, asked, request, { shard, range: ranges[shard]! });
    report(`${name}: samples ${ranges[shard]!.first} to ${ranges[shard]!.first + ranges[shard]!.count - 1}`);
  }
  const records: ShardRecord[] = [];
  for (const shard of ranges.keys()) {
    const record = await readRecord(asked.out, shard, request);
    if (record === null) return null;
    records.push(record);
  }
  const manifest = manifestOf(request, records);
  await writeManifest(asked.out, manifest);
  return manifest;
}

/**
 * Reads every file of the shards that are asked for, and compares it with its hash.
 * @returns the manifest when all shards were asked for; null where one was
 * @throws UserError naming the first shard that is missing or damaged.
 */
export async function verifyShards(sampler: Model, asked: ShardsRequest): Promise<SamplesManifest | null> {
  const { request, shards } = planOf(sampler, asked);
  const records: ShardRecord[] = [];
  for (const shard of shards) {
    const record = await readRecord(asked.out, shard, request);
    const damage =
      record === null ? 'it was not drawn, or not to its end' : await damageOf(asked.out, record);
    if (damage !== null) {
      throw new UserError(
        `${asked.out}: shard ${shard} of ${request.shards}: ${damage}; draw it with the same command without --verify`,
      );
    }
    records.push(record!);
  }
  return asked.shard === undefined ? manifestOf(request, records) : null;
}

function planOf({ manifest }: Model, asked: ShardsRequest): Plan {
  const { out: _, shard, format, count, shards, ...drawn } = asked;
  if (shard !== undefined && shard >= shards) {
    throw new UserError(`--shard ${shard}: shards are counted from 0; say at most ${shards - 1}`);
  }
  const rows = blockRows(manifest.data);
  const ranges = shardRanges(count, shards, rows);
  const bundle = sha256Hex(new TextEncoder().encode(JSON.stringify(manifest)));
  const request = { bundle, ...drawn, count, fileFormat: format, shards, blockRows: rows };
  return { request, ranges, shards: shard === undefined ? [...ranges.keys()] : [shard] };
}

async function drawShard(
  sampler: Model,
  asked: ShardsRequest,
  request: RecordedRequest,
  { shard, range }: { readonly shard: number; readonly range: Range },
): Promise<void> {
  const { out, format, program, seed, label, labels, draw, temperature } = asked;
  const { manifest } = sampler;
  const labelled = labelInput(manifest, program) !== undefined;
  const outputs = Object.values(programOf(manifest, program)?.outputs ?? {});
  const dtype = outputs.find(({ meaning }) => meaning === 'data')?.dtype ?? 'float32';
  const content: ShardContent = { range, shape: manifest.data.shape, dtype };
  await checkSpace(out, shardBytes(format, content, labelled), `shard ${shard} takes`);
  const blocks: string[] = [];
  const source = drawBlocks(
    sampler,
    {
      ...{ program, seed },
      ...(label !== undefined && { label }),
      ...(labels && { labels }),
      ...(draw && { draw }),
      ...(temperature !== undefined && { temperature }),
    },
    range,
    request.blockRows,
  );
  async function* noted() {
    for await (const block of source) {
      blocks.push(block.sha256);
      yield block;
    }
  }
  const files: ShardRecord['files'] = [];
  for (const { suffix, parts } of shardFiles(format, content, labelled, noted())) {
    const file = `${shardName(shard, request.shards)}${suffix}`;
    await clearSiblings(join(out, file));
    files.push({ file, ...(await writeHashed(join(out, file), parts)) });
  }
  await writeRecord(out, { request, shard, ...range, files, blocks });
}

async function writeHashed(path: string, parts: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256');
  let bytes = 0;
  async function* passed() {
    for await (const part of parts) {
      hash.update(part);
      bytes += part.length;
      yield part;
    }
  }
  await writeFileAtomic(path, passed());
  return { bytes, sha256: hash.digest('hex') };
}
