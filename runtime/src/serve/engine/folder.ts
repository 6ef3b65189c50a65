import { readdir, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { messageOf } from '../../errors.ts';
import type { RefusedModel } from './engine.ts';

/** Where a bundle is, and what changes when it does. */
export interface FoundBundle {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Names, sizes and times of its files. */
  readonly fingerprint: string;
}

export interface FolderContents {
  readonly found: readonly FoundBundle[];
  readonly refused: readonly RefusedModel[];
}

const onlyVersion = '1';
const versionName = /^(0|[1-9]\d{0,14})$/;
/** Fit for a URL, a metric's label and a log. */
const modelName = /^[A-Za-z0-9][\w.-]{0,127}$/;

/**
 * Looks for bundles in the sub-folders of a folder: NAME/, or NAME/VERSION/. A run's folder, with its bundle in
 * `bundle/`, counts as one. Other sub-folders are ignored.
 * @throws when the folder itself cannot be read.
 */
export async function readModelFolder(folder: string): Promise<FolderContents> {
  const root = await realpath(folder);
  const found: FoundBundle[] = [];
  const refused: RefusedModel[] = [];
  const look = async (name: string, version: string, path: string): Promise<boolean> => {
    const bundle = await bundleFolder(path);
    if (bundle === null) return false;
    try {
      if (!modelName.test(name))
        throw new Error("its folder's name is not of letters, digits, '_', '.' and '-'");
      const real = await realpath(bundle);
      if (!isInside(root, real)) throw new Error('its folder is a link that leads out of the models folder');
      found.push({ name, version, folder: real, fingerprint: await fingerprintOf(real) });
    } catch (error) {
      const shown = printable(name);
      refused.push({ name: shown, version, reason: `model ${shown}: ${messageOf(error)}` });
    }
    return true;
  };
  for (const name of await subFolders(root)) {
    const path = join(root, name);
    if (await look(name, onlyVersion, path)) continue;
    const inside = await subFolders(path).catch(() => []);
    for (const version of inside) {
      if (versionName.test(version)) await look(name, version, join(path, version));
    }
  }
  return { found, refused };
}

/** A file's name as a line of a log or a terminal can hold it: control characters, of which it may have any, as escapes. */
function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** Whether a folder is there: one without a manifest may be a bundle that is being copied. */
export async function folderExists(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => undefined))?.isDirectory() ?? false;
}

async function subFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort();
}

async function bundleFolder(folder: string): Promise<string | null> {
  for (const candidate of [folder, join(folder, 'bundle')]) {
    if (await stat(join(candidate, 'model.json')).catch(() => undefined)) return candidate;
  }
  return null;
}

async function fingerprintOf(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  const stats = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  const lines = names.map((name, i) => `${name} ${stats[i]?.size} ${stats[i]?.mtimeMs} ${stats[i]?.ino}`);
  return [folder, ...lines].join('\n');
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return way.split(sep)[0] !== '..' && !isAbsolute(way);
}
