import { basename, join, relative, sep } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { type Split, splits } from './dataset.ts';
import { extensionOf, filesBelow, listFolder, otherFilesBelow } from './files.ts';
import { named, type PartRequest, sourceOf, takePart } from './split.ts';

/** Files of one split, with the classes that all splits share. */
export interface LabelledFiles {
  readonly paths: readonly string[];
  /** Of each file: its path below the folder of its split, with slashes. */
  readonly identities: readonly string[];
  /** The first file of any split: what is not asked for is taken from it, so that all splits agree. */
  readonly first: string;
  /** Some files of all splits, evenly spaced: at most `mostSampled`. */
  readonly sample: readonly string[];
  /** Files that are none of those wanted, by their extensions, the most frequent first: `3 .txt`. */
  readonly passedOver: readonly string[];
  /** Class index of each file, or null when the files are not sorted into classes. */
  readonly labels: Int32Array | null;
  /** Sorted; empty when there are no classes. */
  readonly classNames: readonly string[];
}

/** Files that stand for all of them where looking at each would take long. */
const mostSampled = 200;

export interface FolderOptions extends PartRequest {
  readonly dir: string;
  /** What the files are, for messages: `images`. */
  readonly what: string;
  /** Lower-case extensions of the files wanted; others are passed over. */
  readonly extensions: ReadonlySet<string>;
  /** True where folders are no classes, as something else says what those are; files may then lie anywhere. */
  readonly foldersAreNoClasses?: boolean;
  /** Classes read from file names when no sub-folders give them; null when the names show none. */
  readonly classesFromNames?: (names: readonly string[]) => string[] | null;
  /** The split that each file's name is known to carry; null when they do not. */
  readonly splitFromNames?: (names: readonly string[]) => Split[] | null;
}

interface FoundFile {
  readonly path: string;
  /** Path below the folder that it was looked for in, with slashes: what the split goes by. */
  readonly identity: string;
  readonly className: string | null;
}

/** Names of a split's folder, in any case. */
const splitFolders: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['val', 'valid', 'validation', 'dev'],
  test: ['test', 'testing'],
};

/**
 * Finds the files of one split. A sub-folder `train` with `val` or `test` beside it holds that split (also
 * `training`, `valid`, `validation`, `dev`, `testing`, in any case); splits without a folder are drawn from the
 * training files, as the files' names say or by a hash of the path below the folder. Within that, each sub-folder is a
 * class and holds files at any depth; a single sub-folder is no class.
 * @throws UserError when there is no such folder, it holds no such files, or files lie beside class folders.
 */
export async function labelledFiles(options: FolderOptions): Promise<LabelledFiles> {
  const { dir, what } = options;
  const folders = await foldersOfSplits(dir);
  const found = new Map<Split, readonly FoundFile[]>();
  for (const [split, folder] of folders) found.set(split, await collect(folder, options));
  const all = [...found.values()].flat();
  const sorted = all.filter((file) => file.className !== null).length;
  if (sorted > 0 && sorted < all.length) {
    throw new UserError(
      `${dir}: expected ${what} in class folders in each of ${[...folders.values()].map((path) => basename(path)).join(', ')}, ` +
        'found them in some; arrange all alike',
    );
  }
  const own = folders.size > 1 ? found : byNames(all, options.splitFromNames);
  const { files, missing } = sourceOf(options, [...own.keys()]);
  const side = own.get(files)!;
  const part = takePart(named(side.map(({ identity }) => identity)), options, missing, dir);
  const others: string[] = [];
  for (const folder of folders.values()) others.push(...(await otherFilesBelow(folder, options.extensions)));
  const step = Math.max(1, Math.ceil(all.length / mostSampled));
  return {
    ...labelled(
      all,
      Array.from(part, (index) => side[index]!),
      options,
    ),
    sample: all.filter((_, index) => index % step === 0).map(({ path }) => path),
    passedOver: countByExtension(others),
  };
}

/** `3 .txt`, the most frequent first, then by name. */
function countByExtension(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(extensionOf(name), (counts.get(extensionOf(name)) ?? 0) + 1);
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .map(([extension, count]) => `${count} ${extension === '' ? 'without extension' : `.${extension}`}`);
}

/** The splits that the files' names carry; all files are to train on when they carry none. */
function byNames(
  files: readonly FoundFile[],
  splitFromNames: FolderOptions['splitFromNames'],
): Map<Split, readonly FoundFile[]> {
  const known = splitFromNames?.(files.map(({ path }) => basename(path))) ?? null;
  if (known === null) return new Map([['train', files]]);
  const parts = splits.map((split) => [split, files.filter((_, index) => known[index] === split)] as const);
  return new Map(parts.filter(([, part]) => part.length > 0));
}

/** The folder of each split, or the whole folder as `train`. */
async function foldersOfSplits(dir: string): Promise<Map<Split, string>> {
  const { folders } = await listFolder(dir);
  const found = new Map<Split, string>();
  for (const split of splits) {
    const alike = folders.filter((name) => splitFolders[split].includes(name.toLowerCase()));
    if (alike.length > 1) {
      throw new UserError(
        `${dir}: expected one folder for the ${split} split, found ${alike.join(' and ')}; put them together`,
      );
    }
    if (alike[0] !== undefined) found.set(split, join(dir, alike[0]));
  }
  if (found.has('train')) return found;
  if (found.has('test')) {
    throw new UserError(
      `${dir}: expected a folder train beside ${basename(found.get('test')!)}, found none; add it or move test away`,
    );
  }
  return new Map([['train', dir]]);
}

async function collect(
  root: string,
  { extensions, what, foldersAreNoClasses = false }: FolderOptions,
): Promise<FoundFile[]> {
  const { files, folders } = await listFolder(root);
  const direct = files.filter((name) => extensions.has(extensionOf(name)));
  const fileAt = (path: string, className: string | null): FoundFile => ({
    path,
    identity: relative(root, path).split(sep).join('/'),
    className,
  });
  const found = direct.map((name) => fileAt(join(root, name), null));
  let classes = 0;
  for (const folder of folders) {
    const inside = await filesBelow(join(root, folder), extensions);
    classes += inside.length > 0 ? 1 : 0;
    for (const path of inside) found.push(fileAt(path, foldersAreNoClasses ? null : folder));
  }
  if (found.length === 0) {
    const others = countByExtension(await otherFilesBelow(root, extensions));
    throw new UserError(
      `${root}: expected ${what} (${[...extensions].map((extension) => `.${extension}`).join(' ')}), found none ` +
        `among ${files.length} files and ${folders.length} folders` +
        `${others.length > 0 ? ` (${others.join(', ')}): convert them, or check --data-dir` : '; check --data-dir'}`,
    );
  }
  if (classes > 0 && direct.length > 0 && !foldersAreNoClasses) {
    throw new UserError(
      `${root}: expected ${what} either all in class folders or all directly in it, found ${direct.length} ` +
        `beside class folders (${direct[0]}, ...); move them`,
    );
  }
  return found;
}

function labelled(
  all: readonly FoundFile[],
  chosen: readonly FoundFile[],
  { classesFromNames }: FolderOptions,
): Omit<LabelledFiles, 'sample' | 'passedOver'> {
  const first = all[0]!.path;
  const paths = chosen.map(({ path }) => path);
  const identities = chosen.map(({ identity }) => identity);
  const folders = new Set(all.map(({ className }) => className));
  const classes =
    !folders.has(null) && folders.size > 1
      ? all.map(({ className }) => className!)
      : (classesFromNames?.(all.map(({ path }) => basename(path))) ?? null);
  if (classes === null) return { paths, identities, first, labels: null, classNames: [] };
  const classNames = sortedClasses(classes);
  const position = new Map(classNames.map((name, index) => [name, index]));
  const labelOf = new Map(all.map(({ path }, index) => [path, position.get(classes[index]!)!]));
  const labels = Int32Array.from(paths, (path) => labelOf.get(path)!);
  return { paths, identities, first, labels, classNames };
}

/** Distinct class names: by value when all are numbers, else by code unit. */
export function sortedClasses(names: readonly string[]): string[] {
  const distinct = [...new Set(names)];
  const numeric = distinct.every((name) => name !== '' && Number.isFinite(Number(name)));
  return numeric ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort();
}
