import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Manifest } from '@generatrix/runtime';
import { z } from 'zod';

const figure = z.strictObject({
  name: z.enum(['likelihood', 'fid', 'modes', 'c2st', 'none']),
  /** In the figure's own unit; null where nothing was measured. */
  value: z.number().nullable(),
  /** The figure as the table shows it. */
  text: z.string(),
});
/** What a model is judged by. */
export type Figure = z.infer<typeof figure>;

const model = z.strictObject({
  name: z.string(),
  family: z.string(),
  data: z.string(),
  why: z.string(),
  /** The command that trained it. */
  command: z.string(),
  seed: z.int(),
  /** User and system time that training took, with its evaluations and its export. */
  processorSeconds: z.number(),
  bytes: z.int(),
  figure,
  /** `provenance.metrics` of the manifest. */
  metrics: z.record(z.string(), z.number()),
  parity: z.strictObject({ passed: z.boolean(), maxRelativeError: z.number() }),
  files: z.record(z.string(), z.strictObject({ bytes: z.int(), sha256: z.string() })),
});
/** What `zoo.json` has of a model. */
export type ZooRecord = z.infer<typeof model>;

const zoo = z.strictObject({ format: z.literal('generatrix-zoo'), models: z.array(model) });

/** The records of `zoo.json`; none where there is no such file yet. @throws when it is another file. */
export async function readZoo(folder: string): Promise<ZooRecord[]> {
  const text = await readFile(join(folder, 'zoo.json'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? [] : zoo.parse(JSON.parse(text)).models;
}

/** `zoo.json` of these records. */
export function zooJson(models: readonly ZooRecord[]): string {
  return `${JSON.stringify({ format: 'generatrix-zoo', models }, null, 2)}\n`;
}

/** Bytes and SHA-256 of each file of a folder, by its path within; in the order of their names. */
export async function filesOf(folder: string): Promise<ZooRecord['files']> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
  const files: ZooRecord['files'] = {};
  for (const path of paths) {
    const bytes = await readFile(join(folder, path));
    files[path] = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
  return files;
}

/** Whether all programs agreed with TensorFlow.js at the export, and the largest relative error of one. */
export function parityOf({ parity }: Pick<Manifest, 'parity'>): ZooRecord['parity'] {
  const rows = Object.values(parity?.programs ?? {});
  return {
    passed: rows.length > 0 && rows.every(({ passed }) => passed !== false),
    maxRelativeError: Math.max(0, ...rows.map(({ maxRelativeError }) => maxRelativeError)),
  };
}
