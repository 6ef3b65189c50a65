import { basename, relative } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { sortedClasses } from './class-folders.ts';
import type { Dataset, Split } from './dataset.ts';
import { type ImageLayout, imageDataset } from './encoded-images.ts';
import { readRangeNow, type SeenFile, seeFile } from './file-ranges.ts';
import { extensionOf, filesBelow, pathKind } from './files.ts';
import { type PartRequest, sourceOf, splitInName, takePart } from './split.ts';
import { tarMembers } from './tar-members.ts';

export interface WebdatasetOptions extends PartRequest, ImageLayout {
  /** One `.tar` file, or a folder of them. */
  readonly dir: string;
}

/** The samples of one shard: where each one's image lies, and its label as written. */
interface Shard {
  readonly file: SeenFile;
  readonly keys: readonly string[];
  readonly offsets: Float64Array;
  readonly sizes: Float64Array;
  readonly labels: readonly (string | null)[];
}

const imageExtensions = new Set(['png', 'jpg', 'jpeg', 'webp', 'gif', 'avif', 'tif', 'tiff']);

/**
 * Images in WebDataset shards: `.tar` files in which the files of one sample share a name up to its first dot:
 * `000017.jpg` with `000017.cls` (the class) or `000017.json` (its `label`, `cls` or `class`). The headers of every
 * shard are read once, when the data is loaded; from then on samples are read from where they lie in any order, as
 * from a folder. A shard whose name says `train`, `val` or `test` belongs to that split; otherwise samples are split
 * by a hash of their key.
 * @throws UserError naming the shard, and the sample where there is one, that cannot be used.
 */
export async function webdataset(options: WebdatasetOptions): Promise<Dataset> {
  const { dir, split } = options;
  const shards = new Map<Split, Shard[]>();
  for (const [part, paths] of await shardsBySplit(dir)) {
    shards.set(part, []);
    for (const path of paths) shards.get(part)!.push(await indexed(path));
  }
  const { files, missing } = sourceOf(options, [...shards.keys()]);
  const own = shards.get(files)!;
  const all = [...shards.values()].flat();
  const starts = [0];
  for (const { keys } of own) starts.push(starts.at(-1)! + keys.length);
  const placeOf = (sample: number) => {
    const shard = starts.findLastIndex((start) => start <= sample);
    return { shard: own[shard]!, at: sample - starts[shard]! };
  };
  const identity = (sample: number) => {
    const { shard, at } = placeOf(sample);
    return shard.keys[at]!;
  };
  const chosen = takePart({ count: starts.at(-1)!, identity }, options, missing, dir);
  const written = all.flatMap(({ labels }) => labels);
  const labelled = written.some((label) => label !== null);
  const classNames = labelled ? classesOf(all) : [];
  const position = new Map(classNames.map((name, index) => [name, index]));
  const labelOf = (sample: number) => {
    const { shard, at } = placeOf(sample);
    return position.get(shard.labels[at]!)!;
  };
  const imageIn = (shard: Shard, at: number) => ({
    where: `${shard.file.path}, sample ${shard.keys[at]}`,
    source: readRangeNow(shard.file, { offset: shard.offsets[at]!, length: shard.sizes[at]! }),
  });
  return imageDataset(
    {
      name: 'webdataset',
      split,
      size: chosen.length,
      labels: labelled ? chosen.map(labelOf) : null,
      classNames,
    },
    () => imageIn(all[0]!, 0),
    (index) => {
      const { shard, at } = placeOf(chosen[index]!);
      return imageIn(shard, at);
    },
    options,
  );
}

/** The shards of each split, or all of them as `train`. */
async function shardsBySplit(dir: string): Promise<Map<Split, string[]>> {
  const isFile = (await pathKind(dir)) === 'file';
  const paths = isFile ? [dir] : await filesBelow(dir, new Set(['tar']));
  if (paths.length === 0) {
    throw new UserError(`${dir}: expected .tar shards, found none; check --data-dir`);
  }
  const found = new Map<Split, string[]>();
  const named = paths.map((path) => splitInName(isFile ? basename(path) : relative(dir, path)));
  if (isFile || named.every((split) => split === null)) return new Map([['train', paths]]);
  for (const [at, path] of paths.entries()) {
    const split = named[at];
    if (split === null || split === undefined) {
      const other = paths[named.findIndex((name) => name !== null)]!;
      throw new UserError(
        `${path}: expected a name that says its split, as ${basename(other)} does (train, val, test), found none; rename it`,
      );
    }
    found.set(split, [...(found.get(split) ?? []), path]);
  }
  if (!found.has('train')) {
    throw new UserError(
      `${dir}: expected shards to train on, found only ${[...found.keys()].join(' and ')}; add them`,
    );
  }
  return found;
}

/** Indices of shards by path, size and time: several parts of one data set share them. */
const known = new Map<string, Shard>();

async function indexed(path: string): Promise<Shard> {
  const file = await seeFile(path);
  const key = `${path}\n${file.size}\n${file.modified}`;
  const shard = known.get(key) ?? indexShard(file);
  known.set(key, shard);
  return shard;
}

function indexShard(file: SeenFile): Shard {
  const samples = new Map<string, { offset: number; size: number; label: string | null }>();
  const labels = new Map<string, string>();
  for (const { name, offset, size } of tarMembers(file)) {
    const base = basename(name);
    const dot = base.indexOf('.');
    if (dot <= 0) continue; // Hidden files (macOS writes ._name beside each), and those without an extension.
    const key = name.slice(0, name.length - base.length + dot);
    const extension = extensionOf(base);
    if (imageExtensions.has(extension)) {
      if (samples.has(key)) {
        throw new UserError(`${file.path}: expected one image in sample ${key}, found several; keep one`);
      }
      samples.set(key, { offset, size, label: null });
    } else if (extension === 'cls' || extension === 'json') {
      const text = Buffer.from(readRangeNow(file, { offset, length: size })).toString('utf8');
      const label = extension === 'cls' ? text.trim() : labelInJson(`${file.path}, ${name}`, text);
      if (label !== null) labels.set(key, label);
    }
  }
  const keys = [...samples.keys()];
  if (keys.length === 0) {
    throw new UserError(
      `${file.path}: expected samples with an image (${[...imageExtensions].join(' ')}), found none; check the shard`,
    );
  }
  return {
    file,
    keys,
    offsets: Float64Array.from(samples.values(), ({ offset }) => offset),
    sizes: Float64Array.from(samples.values(), ({ size }) => size),
    labels: keys.map((key) => labels.get(key) ?? null),
  };
}

function labelInJson(where: string, text: string): string | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(
      `${where}: expected JSON, found '${text.slice(0, 40).replaceAll('\n', ' ')}'; write it again`,
    );
  }
  if (typeof value !== 'object' || value === null) return null;
  const record = value as Readonly<Record<string, unknown>>;
  const label = record.label ?? record.cls ?? record.class;
  return typeof label === 'string' || typeof label === 'number' ? String(label) : null;
}

/** Class names of all shards: every whole number up to the highest where all are such, else those that occur. */
function classesOf(shards: readonly Shard[]): string[] {
  for (const { file, keys, labels } of shards) {
    const at = labels.indexOf(null);
    if (at >= 0) {
      throw new UserError(
        `${file.path}: expected a label in every sample, found none in ${keys[at]}; add ${keys[at]}.cls, or take all labels out`,
      );
    }
  }
  const names = sortedClasses(shards.flatMap(({ labels }) => labels as readonly string[]));
  const highest = Number(names.at(-1));
  const numbered = names.every((name) => /^\d+$/.test(name)) && highest < 65_536;
  return numbered ? Array.from({ length: highest + 1 }, (_, label) => String(label)) : names;
}
