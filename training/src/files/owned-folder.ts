import { lstat, readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { systemCode, systemError } from '../errors/system-error.ts';

/** Says what a Triton model repository consists of; servers pass over files beside the models. */
export const tritonMarker = 'generatrix-triton.json';

/** What file managers leave in every folder they show. */
const strays: ReadonlySet<string> = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);

export interface ReplaceOptions {
  /** May what an earlier export left be replaced? Files of anyone else's never are. */
  readonly overwrite: boolean;
  /** Folders that are read meanwhile, such as the run: neither they nor a folder around them is replaced. */
  readonly inputs?: readonly string[];
}

/**
 * Decides whether a folder may be replaced as a whole. It may when there is none, when it is empty, and, where
 * `overwrite` says so, when every file in it was written by an export.
 * @throws UserError with the cure: for a file or a link in its place, a folder with files of anyone else's, one of
 *   ours without `overwrite`, and for the working folder, the home folder, an input, or a folder around one of these.
 */
export async function checkReplaceable(path: string, options: ReplaceOptions): Promise<void> {
  const target = resolve(path);
  const found = await lstat(target).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw systemError(path, 'expected a folder or nothing there', error);
  });
  if (found?.isSymbolicLink()) {
    throw new UserError(
      `${path}: expected a folder or nothing, found a link to ${await readlink(target)}; name a folder itself`,
    );
  }
  await refuseAround(path, target, options.inputs ?? []);
  if (found === null) return;
  if (!found.isDirectory()) {
    throw new UserError(`${path}: expected a folder or nothing, found a file; choose another path`);
  }
  const foreign = await foreignFile(target);
  if (foreign === null) return;
  if (foreign.path !== null) {
    throw new UserError(
      `${path}: not replaced, as it holds ${foreign.path}, which no export wrote; choose another path`,
    );
  }
  if (!options.overwrite) {
    throw new UserError(
      `${path}: holds an exported model already; replace it with --overwrite, or choose another path`,
    );
  }
}

/**
 * Looks for what no export wrote.
 * @returns null for an empty folder; `{ path: null }` when all of it is of an export; else the path of a file (or
 *   link, or empty folder) within the folder that is not
 */
export async function foreignFile(folder: string): Promise<{ readonly path: string | null } | null> {
  const entries = await entriesOf(folder);
  if (entries.length === 0) return null;
  const own = (await bundleFiles(folder)) ?? (await tritonFiles(folder));
  return { path: entries.find((entry) => own === null || !own.has(entry)) ?? null };
}

/** The files that a bundle's manifest names, itself among them; null when the folder is no bundle. */
async function bundleFiles(folder: string): Promise<Set<string> | null> {
  const manifest = await readJson(join(folder, 'model.json'));
  if (manifest === null || manifest.format !== 'generatrix-bundle') return null;
  const files = new Set(['model.json']);
  collectFiles(manifest, files);
  return files;
}

/** Every `{file, sha256}` of a manifest, and every key of a table of `{bytes, sha256}`, wherever they stand. */
function collectFiles(value: unknown, files: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { file, sha256 } = entry as { file?: unknown; sha256?: unknown };
    if (typeof sha256 === 'string') files.add(typeof file === 'string' ? file : key);
    collectFiles(entry, files);
  }
}

async function tritonFiles(folder: string): Promise<Set<string> | null> {
  const marker = await readJson(join(folder, tritonMarker));
  if (marker === null || marker.format !== 'generatrix-triton' || !Array.isArray(marker.files)) return null;
  return new Set([tritonMarker, ...marker.files.map(String)]);
}

async function readJson(path: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Paths of all files, links and empty folders within a folder, with `/` between their parts. */
export async function entriesOf(folder: string, prefix = ''): Promise<string[]> {
  const entries: string[] = [];
  const names = await readdir(join(folder, prefix), { withFileTypes: true }).catch((error: unknown) => {
    throw systemError(join(folder, prefix), 'expected to read the folder', error);
  });
  for (const entry of names) {
    const path = `${prefix}${entry.name}`;
    if (strays.has(entry.name)) continue;
    if (!entry.isDirectory()) entries.push(path);
    else {
      const inside = await entriesOf(folder, `${path}/`);
      entries.push(...(inside.length === 0 ? [path] : inside));
    }
  }
  return entries;
}

/** Refuses a target that is, or lies around, the working folder, the home folder or an input. */
async function refuseAround(path: string, target: string, inputs: readonly string[]): Promise<void> {
  const real = await realPath(target);
  const precious = [
    ['the working folder', process.cwd()],
    ['the home folder', homedir()],
    ...inputs.map((input) => [input, input] as const),
  ] as const;
  for (const [name, folder] of precious) {
    const inside = relative(real, await realPath(resolve(folder)));
    if (inside === '')
      throw new UserError(`${path}: is ${name}, which is never replaced; choose another path`);
    if (inside.split(sep)[0] === '..' || resolve(real, inside) === inside) continue;
    throw new UserError(`${path}: holds ${name}, so it is never replaced; choose another path`);
  }
}

/** The path with links in its folder followed; what does not exist yet stays as it is, and so does the last part. */
async function realPath(path: string): Promise<string> {
  const whole = await realpath(path).catch(() => null);
  if (whole !== null) return whole;
  const parent = dirname(path);
  return parent === path ? path : join(await realPath(parent), basename(path));
}
