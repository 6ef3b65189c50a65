import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { messageOf, UserError } from '@generatrix/runtime/core';

/** Where bundles lie in a storage that speaks S3: `s3://BUCKET/PREFIX`, each below PREFIX as NAME/ or NAME/VERSION/. */
export interface BucketAddress {
  readonly bucket: string;
  /** Ends in a slash, or is empty. */
  readonly prefix: string;
}

/** A file of a bundle there. */
interface StoredFile {
  readonly key: string;
  /** Below the model's own folder. */
  readonly path: string;
  readonly etag: string;
  readonly size: number;
}

/** A copy of the models of a bucket, kept up to date. */
export interface FollowedBucket {
  /** Its models, as `serve` takes them. */
  readonly folder: string;
  /** Ends the following and removes the copy. */
  stop(): Promise<void>;
}

/** The address that a path names, or null for a folder. @throws UserError when no bucket stands in it */
export function bucketAddress(models: string): BucketAddress | null {
  if (!models.startsWith('s3://')) return null;
  const [bucket = '', ...rest] = models.slice('s3://'.length).split('/');
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new UserError(
      `models ${models}: expected s3://BUCKET or s3://BUCKET/PREFIX, got no name of a bucket`,
    );
  }
  const prefix = rest.filter((part) => part !== '').join('/');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

/**
 * Copies the models of a bucket into a folder of the system's temporary ones, and looks for changes from then on. A model
 * is copied as a whole before it takes the place of the one before, so that a server sees the one or the other.
 * The client finds its keys, region and endpoint as the AWS SDK does: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_REGION, AWS_ENDPOINT_URL, profiles, roles.
 * @param options.everyMs from the end of a look to the next
 * @param options.onProblem is told, in one line, what keeps a later look from its end
 * @throws UserError when the first look fails, or the client is not installed
 */
export async function followBucket(
  address: BucketAddress,
  options: { readonly everyMs: number; onProblem(line: string): void },
): Promise<FollowedBucket> {
  const named = `s3://${address.bucket}/${address.prefix}`;
  // Of a Node that it will not support one day, which those who serve models can do nothing about.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  const sdk = await import('@aws-sdk/client-s3').catch(() => {
    throw new UserError(
      `models ${named}: the client of S3 is not installed: run \`npm install @aws-sdk/client-s3\``,
    );
  });
  const own = process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  // Other storages than Amazon's have the bucket in the path, as a rule, and no regions.
  const client = new sdk.S3Client(
    own === undefined ? {} : { forcePathStyle: true, region: process.env.AWS_REGION ?? 'us-east-1' },
  );
  const folder = await mkdtemp(join(tmpdir(), 'generatrix-models-'));
  const known = new Map<string, string>();
  const look = async () => {
    try {
      await update(sdk, client, address, folder, known);
    } catch (error) {
      throw new UserError(`models ${named}: ${problemOf(error)}`);
    }
  };
  const end = async () => {
    client.destroy();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await look();
  } catch (error) {
    await end();
    throw error;
  }
  let stopped = false;
  let running = Promise.resolve();
  let timer: NodeJS.Timeout;
  const again = () => {
    timer = setTimeout(() => {
      running = look()
        .catch((error: unknown) => options.onProblem(messageOf(error)))
        .then(() => {
          if (!stopped) again();
        });
    }, options.everyMs);
    timer.unref();
  };
  again();
  return {
    folder,
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
      await end();
    },
  };
}

type Sdk = typeof import('@aws-sdk/client-s3');

/** Brings the folder to what the bucket has. @param known what each model's files were, by its name */
async function update(
  sdk: Sdk,
  client: S3Client,
  { bucket, prefix }: BucketAddress,
  folder: string,
  known: Map<string, string>,
): Promise<void> {
  const models = await list(sdk, client, bucket, prefix);
  for (const [name, files] of models) {
    const fingerprint = createHash('sha256')
      .update(JSON.stringify(files.map(({ path, etag, size }) => [path, etag, size])))
      .digest('hex');
    if (known.get(name) === fingerprint) continue;
    const copy = join(folder, '.copies', `${name}-${fingerprint.slice(0, 16)}`);
    for (const file of files) {
      const path = join(copy, file.path);
      await mkdir(dirname(path), { recursive: true });
      const { Body } = await client.send(
        new sdk.GetObjectCommand({ Bucket: bucket, Key: file.key, IfMatch: file.etag }),
      );
      await pipeline(Body as Readable, createWriteStream(path));
    }
    // A link that is renamed takes the place of the one before at once.
    const link = join(folder, `.${name}.new`);
    await rm(link, { force: true });
    await symlink(copy, link, 'junction');
    await rename(link, join(folder, name));
    known.set(name, fingerprint);
  }
  for (const name of known.keys()) {
    if (models.has(name)) continue;
    await rm(join(folder, name), { force: true });
    known.delete(name);
  }
  await removeOld(folder, known);
}

/** Copies that no model is any more. */
async function removeOld(folder: string, known: ReadonlyMap<string, string>): Promise<void> {
  const current = new Set([...known].map(([name, fingerprint]) => `${name}-${fingerprint.slice(0, 16)}`));
  const copies = join(folder, '.copies');
  for (const copy of await readdir(copies).catch(() => [])) {
    if (!current.has(copy)) await rm(join(copies, copy), { recursive: true, force: true });
  }
}

/** The files of each model that has a manifest, by its name, in the order of their paths. */
async function list(
  sdk: Sdk,
  client: S3Client,
  bucket: string,
  prefix: string,
): Promise<Map<string, StoredFile[]>> {
  const models = new Map<string, StoredFile[]>();
  for await (const page of sdk.paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
    for (const { Key: key, ETag: etag, Size: size } of page.Contents ?? []) {
      const parts = key!.slice(prefix.length).split('/');
      const [name] = parts;
      if (parts.length < 2 || !parts.every(isPlain)) continue;
      const files = models.get(name!) ?? [];
      files.push({ key: key!, path: join(...parts.slice(1)), etag: etag!, size: size! });
      models.set(name!, files);
    }
  }
  // Without a manifest it is a model that is being written, or none.
  for (const [name, files] of models) {
    if (!files.some(({ path }) => /(^|[/\\])model\.json$/.test(path))) models.delete(name);
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
  return models;
}

/** A part of a path that can only lead down. */
function isPlain(part: string): boolean {
  return /^[^\\/\p{Cc}]+$/u.test(part) && !part.startsWith('.');
}

/** What the storage says, in one line, with a cure where it is known. */
function problemOf(error: unknown): string {
  const { name = 'Error' } = error as { name?: string };
  const message = messageOf(error).split('\n')[0]!;
  if (name === 'NoSuchBucket') return 'there is no such bucket';
  if (name === 'CredentialsProviderError' || /credential/i.test(message)) {
    return `no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE (${message})`;
  }
  if (/region is missing/i.test(message)) return 'no region: set AWS_REGION';
  const network = (error as { code?: string }).code;
  return network === undefined
    ? `${name}: ${message}`
    : `${network}: is AWS_ENDPOINT_URL right? (${message})`;
}
