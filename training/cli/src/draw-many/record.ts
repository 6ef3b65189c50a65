import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { writeFileAtomic } from '@generatrix/training/files';
import { z } from 'zod';
import { formats } from './formats.ts';
import { shardName } from './plan.ts';

const whole = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const fileSchema = z.strictObject({ file: z.string(), bytes: whole, sha256 });

/** What all shards of a folder have in common. */
const requestSchema = z.strictObject({
  /** SHA-256 of the bundle's manifest, which has the hashes of its files. */
  bundle: sha256,
  program: z.string(),
  seed: whole,
  count: whole,
  label: whole.optional(),
  labels: z.enum(['balanced', 'data']).optional(),
  draw: z.enum(['sample', 'mean']).optional(),
  temperature: z.number().optional(),
  fileFormat: z.enum(formats),
  shards: whole,
  /** Samples in a block. */
  blockRows: whole,
});
export type RecordedRequest = z.infer<typeof requestSchema>;

const shardSchema = z.strictObject({
  format: z.literal('generatrix-samples-shard'),
  version: z.literal(1),
  request: requestSchema,
  shard: whole,
  first: whole,
  count: whole,
  files: z.array(fileSchema).min(1),
  /** Of each block's values: the same however the samples are cut into shards, and in which format. */
  blocks: z.array(sha256),
});
export type ShardRecord = z.infer<typeof shardSchema>;

/** The content of `manifest.json`. */
export interface SamplesManifest {
  readonly format: 'generatrix-samples';
  readonly version: 1;
  readonly request: RecordedRequest;
  /** SHA-256 of the hashes of all blocks in order, in hex: of the samples, not of the files. */
  readonly samplesSha256: string;
  readonly shards: readonly Pick<ShardRecord, 'first' | 'count' | 'files'>[];
}

const recordPath = (folder: string, shard: number, shards: number) =>
  join(folder, `${shardName(shard, shards)}.json`);

/** Writes that a shard is there: after its files. */
export async function writeRecord(folder: string, record: Omit<ShardRecord, 'format' | 'version'>) {
  const content: ShardRecord = { format: 'generatrix-samples-shard', version: 1, ...record };
  await writeFileAtomic(recordPath(folder, record.shard, record.request.shards), toJson(content));
}

/**
 * The record of a shard; null when there is none.
 * @throws UserError when it is no record, or of other samples.
 */
export async function readRecord(
  folder: string,
  shard: number,
  request: RecordedRequest,
): Promise<ShardRecord | null> {
  const path = recordPath(folder, shard, request.shards);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const parsed = shardSchema.safeParse(jsonOf(text));
  if (!parsed.success) {
    throw new UserError(`${path}: expected the record of a shard, found other content; delete it`);
  }
  const other = differenceOf(parsed.data.request, request);
  if (other === null) return parsed.data;
  throw new UserError(
    `${path}: is of samples with ${other.name} ${String(other.found)}, and ${String(other.asked)} is asked for; give another --out`,
  );
}

/** Why a shard is not whole, in words; null when every file has its hash. */
export async function damageOf(folder: string, { files }: ShardRecord): Promise<string | null> {
  for (const { file, bytes, sha256: expected } of files) {
    const found = await hashFile(join(folder, file)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (found === null) return `${file} is missing`;
    if (found.bytes !== bytes) return `${file} has ${found.bytes} bytes where ${bytes} were written`;
    if (found.sha256 !== expected) return `${file} is not what was written: its SHA-256 differs`;
  }
  return null;
}

/** The manifest of shards that are all there. */
export function manifestOf(request: RecordedRequest, records: readonly ShardRecord[]): SamplesManifest {
  const hash = createHash('sha256');
  for (const { blocks } of records) for (const block of blocks) hash.update(block);
  return {
    format: 'generatrix-samples',
    version: 1,
    request,
    samplesSha256: hash.digest('hex'),
    shards: records.map(({ first, count, files }) => ({ first, count, files })),
  };
}

export async function writeManifest(folder: string, manifest: SamplesManifest): Promise<void> {
  await writeFileAtomic(join(folder, 'manifest.json'), toJson(manifest));
}

async function hashFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const part of createReadStream(path) as AsyncIterable<Uint8Array>) {
    hash.update(part);
    bytes += part.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

function differenceOf(found: RecordedRequest, asked: RecordedRequest) {
  const names = Object.keys(requestSchema.shape) as (keyof RecordedRequest)[];
  const name = names.find((one) => found[one] !== asked[one]);
  return name === undefined ? null : { name, found: found[name], asked: asked[name] };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const toJson = (value: object) => `${JSON.stringify(value, null, 1)}\n`;
