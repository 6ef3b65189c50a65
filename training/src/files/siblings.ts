import { randomBytes } from 'node:crypto';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { foreignFile } from './owned-folder.ts';
import { ownerTag, tagStatus } from './process-owner.ts';

/** `partial`: not complete yet; `replaced`: what stood at the path until the new one took its place. */
type SiblingKind = 'partial' | 'replaced';

/** The owner's tag is missing in names that earlier versions gave. */
const pattern = /^\.(.+)\.(partial|replaced)-(?:([0-9a-f]{8}-\d+-[0-9a-f]{1,8})-)?[0-9a-f]{12}$/;

/** After so long no writer on another machine is still at it. */
const dayMilliseconds = 24 * 3600 * 1000;

/** A hidden name beside a path, with its writer in it: in the same folder, since only there is renaming atomic. */
export function siblingOf(path: string, kind: SiblingKind): string {
  const random = randomBytes(6).toString('hex');
  return join(dirname(path), `.${basename(path)}.${kind}-${ownerTag()}-${random}`);
}

/**
 * Clears what killed writers of a path left beside it: unfinished files and folders go, and a folder that was moved
 * aside goes back when nothing took its place. Nothing is touched while its writer runs, nor a folder moved aside
 * that holds files of anyone else's.
 */
export async function clearSiblings(
  path: string,
  { warn = console.error }: { readonly warn?: (line: string) => void } = {},
): Promise<void> {
  const folder = dirname(path);
  const left = await abandonedBeside(folder, basename(path));
  for (const { name } of left.filter(({ kind }) => kind === 'partial')) {
    await rm(join(folder, name), { recursive: true, force: true });
    warn(`removed ${join(folder, name)}, which a writer that was killed left behind`);
  }
  const replaced = left.filter(({ kind }) => kind === 'replaced').toSorted((a, b) => b.changed - a.changed);
  for (const { name } of replaced) {
    const sibling = join(folder, name);
    if ((await lstat(path).catch(() => null)) === null) {
      await rename(sibling, path);
      warn(`moved ${sibling} back to ${path}: the writer that was to replace it was killed`);
    } else if (((await foreignFile(sibling))?.path ?? null) === null) {
      await rm(sibling, { recursive: true, force: true });
      warn(`removed ${sibling}, which a writer that was killed left behind`);
    } else warn(`${sibling} was moved aside by a writer that was killed; it holds other files, look into it`);
  }
}

/** Deletes unfinished files of killed writers in a folder to which only the caller writes. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const match = pattern.exec(name);
    if (match?.[2] !== 'partial' || (match[3] !== undefined && tagStatus(match[3]) === 'running')) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** Is this the name of an unfinished or replaced file or folder of ours? */
export function isSibling(name: string): boolean {
  return pattern.test(name);
}

interface Abandoned {
  readonly name: string;
  readonly kind: SiblingKind;
  /** When it was last changed, milliseconds. */
  readonly changed: number;
}

async function abandonedBeside(folder: string, of: string): Promise<Abandoned[]> {
  const found: Abandoned[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    const match = pattern.exec(name);
    if (match?.[1] !== of) continue;
    const stats = await lstat(join(folder, name)).catch(() => null);
    if (stats === null) continue;
    const status = match[3] === undefined ? 'elsewhere' : tagStatus(match[3]);
    const old = Date.now() - stats.mtimeMs > dayMilliseconds;
    if (status === 'gone' || (status === 'elsewhere' && old)) {
      found.push({ name, kind: match[2] as SiblingKind, changed: stats.mtimeMs });
    }
  }
  return found;
}
