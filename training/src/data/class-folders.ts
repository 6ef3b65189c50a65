import { basename, join } from 'node:path';
import { UserError } from '../errors.ts';
import type { FileSplit } from './dataset.ts';
import { extensionOf, filesBelow, listFolder } from './files.ts';
import { limitTo, seededSplit } from './split.ts';

/** Files of one split, with the classes that both splits share. */
export interface LabelledFiles {
  readonly paths: readonly string[];
  /** The first file of either split: what is not asked for is taken from it, so that both splits agree. */
  readonly first: string;
  /** Class index of each file, or null when the files are not sorted into classes. */
  readonly labels: Int32Array | null;
  /** Sorted; empty when there are no classes. */
  readonly classNames: readonly string[];
}

export interface FolderOptions {
  readonly dir: string;
  readonly split: FileSplit;
  /** At most so many files, a seeded subset. */
  readonly size?: number;
  readonly splitSeed: number;
  /** What the files are, for messages: `images`. */
  readonly what: string;
  /** Lower-case extensions of the files wanted; others are passed over. */
  readonly extensions: ReadonlySet<string>;
  /** Classes read from file names when no sub-folders give them; null when the names show none. */
  readonly classesFromNames?: (names: readonly string[]) => string[] | null;
  /** A split that the file names are known to carry; null when they do not. */
  readonly splitFromNames?: (names: readonly string[]) => FileSplit[] | null;
}

interface FoundFile {
  readonly path: string;
  readonly className: string | null;
}

/**
 * Finds the files of one split. With sub-folders `train` and `test` these are the splits; else the files are
 * split as their names say, or nine to one by seed. Within that, each sub-folder is a class and holds files at
 * any depth; a single sub-folder is no class.
 * @throws UserError when there is no such folder, it holds no such files, or files lie beside class folders.
 */
export async function labelledFiles(options: FolderOptions): Promise<LabelledFiles> {
  const { dir, split, size, splitSeed, what } = options;
  const { folders } = await listFolder(dir);
  if (folders.includes('test') && !folders.includes('train')) {
    throw new UserError(`${dir}: expected a folder train beside test, found none; add it or move test away`);
  }
  if (!folders.includes('train')) {
    const found = await collect(dir, options);
    return labelled(dir, found, chosenSide(dir, found, options), options);
  }
  const train = await collect(join(dir, 'train'), options);
  if (!folders.includes('test')) return labelled(dir, train, chosenSide(dir, train, options), options);
  const both = [...train, ...(await collect(join(dir, 'test'), options))];
  if (both.some((file) => file.className === null) && both.some((file) => file.className !== null)) {
    throw new UserError(
      `${dir}: expected ${what} in class folders in both train and test, found them in one; arrange both alike`,
    );
  }
  const [start, end] = split === 'train' ? [0, train.length] : [train.length, both.length];
  const side = Int32Array.from({ length: end - start }, (_, i) => start + i);
  return labelled(dir, both, limitTo(side, size, splitSeed), options);
}

async function collect(root: string, { extensions, what }: FolderOptions): Promise<FoundFile[]> {
  const { files, folders } = await listFolder(root);
  const direct = files.filter((name) => extensions.has(extensionOf(name)));
  const found: FoundFile[] = direct.map((name) => ({ path: join(root, name), className: null }));
  let classes = 0;
  for (const folder of folders) {
    const inside = await filesBelow(join(root, folder), extensions);
    classes += inside.length > 0 ? 1 : 0;
    found.push(...inside.map((path) => ({ path, className: folder })));
  }
  if (found.length === 0) {
    throw new UserError(
      `${root}: expected ${what} (${[...extensions].map((extension) => `.${extension}`).join(' ')}), found none ` +
        `among ${files.length} files and ${folders.length} folders; check --data-dir`,
    );
  }
  if (classes > 0 && direct.length > 0) {
    throw new UserError(
      `${root}: expected ${what} either all in class folders or all directly in it, found ${direct.length} ` +
        `beside class folders (${direct[0]}, ...); move them`,
    );
  }
  return classes === 1 ? found.map(({ path }) => ({ path, className: null })) : found;
}

function chosenSide(
  dir: string,
  found: readonly FoundFile[],
  { split, size, splitSeed, what, splitFromNames }: FolderOptions,
): Int32Array {
  if (found.length < 2) {
    throw new UserError(
      `${dir}: expected at least 2 ${what} to split into train and test, found 1; add more`,
    );
  }
  const named = splitFromNames?.(found.map((file) => basename(file.path)));
  const side = named
    ? Int32Array.from(named.keys()).filter((index) => named[index] === split)
    : seededSplit(found.length, split, splitSeed);
  return limitTo(side, size, splitSeed);
}

function labelled(
  dir: string,
  found: readonly FoundFile[],
  side: Int32Array,
  { classesFromNames }: FolderOptions,
): LabelledFiles {
  const byFolder = found.every((file) => file.className !== null);
  const classes = byFolder
    ? found.map((file) => file.className!)
    : (classesFromNames?.(found.map((file) => basename(file.path))) ?? null);
  const paths = Array.from(side, (index) => found[index]!.path);
  if (paths.length === 0) throw new UserError(`${dir}: expected files for this split, found none; add more`);
  const first = found[0]!.path;
  if (classes === null) return { paths, first, labels: null, classNames: [] };
  const classNames = sortedClasses(classes);
  const position = new Map(classNames.map((name, index) => [name, index]));
  return { paths, first, classNames, labels: side.map((index) => position.get(classes[index]!)!) };
}

/** Distinct class names: by value when all are numbers, else by code unit. */
export function sortedClasses(names: readonly string[]): string[] {
  const distinct = [...new Set(names)];
  const numeric = distinct.every((name) => name !== '' && Number.isFinite(Number(name)));
  return numeric ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort();
}
