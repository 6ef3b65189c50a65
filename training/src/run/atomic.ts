import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, UserError } from '@generatrix/runtime/core';

const temporaryPattern = /^\..+\.(partial|replaced)-[0-9a-f]{12}$/;

/**
 * Writes a file so that a reader, or a crash at any moment, finds the old content or the new, never a part: a
 * temporary file in the same folder, flushed to the disk, then renamed over the path. The folder must exist.
 * @throws UserError naming the path when the system refuses (no space, no permission, no such folder); the old
 * file is then untouched and no temporary file remains.
 */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const temporary = siblingOf(path, 'partial');
  let handle: FileHandle | null = null;
  try {
    handle = await open(temporary, 'wx');
    await handle.writeFile(data);
    await handle.sync();
    await handle.close();
    handle = null;
    await rename(temporary, path);
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(path, 'a file', error);
  }
  await flushFolder(dirname(path));
}

/**
 * Replaces a folder as a whole. `writer` fills a new sibling folder, which takes the path's place once it is
 * complete and on the disk. When the path exists already, there is an instant between the two renames at which
 * nothing stands there; nothing half-written ever does. If the writer or the swap fails, the old folder is back
 * in place and the new one gone.
 * @param options.marker a file that an existing, non-empty folder must hold to be replaced: guards a mistyped
 * path against losing what is there
 * @throws what the writer throws; UserError naming the path when the marker is missing or the system refuses.
 */
export async function replaceFolderAtomic(
  path: string,
  writer: (temporaryFolder: string) => Promise<void>,
  options: { readonly marker?: string } = {},
): Promise<void> {
  // Without a trailing slash or `.`, so that the sibling's name is built from the folder's own.
  const target = resolve(path);
  await checkReplaceable(target, options.marker);
  const temporary = siblingOf(target, 'partial');
  try {
    await mkdir(temporary).catch((error: unknown) => {
      throw unwritable(target, 'a folder', error);
    });
    await writer(temporary);
    await flushTree(temporary);
    await swap(temporary, target);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/**
 * Deletes what killed writers left behind in a folder that no one else writes to: the temporary siblings of
 * `writeFileAtomic` and `replaceFolderAtomic`.
 */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (temporaryPattern.test(name)) await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function checkReplaceable(target: string, marker: string | undefined): Promise<void> {
  const found = await stat(target).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) {
    throw new UserError(`${target}: expected a folder or nothing, found a file; choose another path`);
  }
  if (marker === undefined) return;
  const names = await readdir(target);
  if (names.length === 0 || names.includes(marker)) return;
  throw new UserError(
    `${target}: expected an empty folder or one that holds ${marker}, found ${names.length} other entries; ` +
      'choose another path',
  );
}

async function swap(temporary: string, target: string): Promise<void> {
  const replaced = siblingOf(target, 'replaced');
  let moved = false;
  try {
    await rename(target, replaced).then(
      () => {
        moved = true;
      },
      (error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      },
    );
    await rename(temporary, target);
  } catch (error) {
    if (moved) await rename(replaced, target);
    throw unwritable(target, 'a folder', error);
  }
  await flushFolder(dirname(target));
  if (moved) await rm(replaced, { recursive: true, force: true });
}

/** A hidden name beside the path: in the same folder, since only there is renaming atomic. */
function siblingOf(path: string, kind: 'partial' | 'replaced'): string {
  return join(dirname(path), `.${basename(path)}.${kind}-${randomBytes(6).toString('hex')}`);
}

async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await flushTree(path);
    else if (entry.isFile()) await flush(path, 'r+');
  }
  await flushFolder(folder);
}

/** Makes renames in the folder durable. Systems that cannot open a folder (Windows) do so by themselves. */
async function flushFolder(folder: string): Promise<void> {
  await flush(folder, 'r').catch(() => undefined);
}

async function flush(path: string, flags: 'r' | 'r+'): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unwritable(path: string, what: string, error: unknown): UserError {
  const code = codeOf(error);
  const cures: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk is full, make room',
    EDQUOT: 'the quota is used up, make room',
    EACCES: 'check the permissions of its folder',
    EPERM: 'check the permissions of its folder',
    EROFS: 'the file system is read-only, choose another path',
    ENOENT: 'its folder is missing, create it',
    ENOTDIR: 'a part of the path is a file, choose another path',
    EISDIR: 'a folder stands there, choose another path',
  };
  const cure = cures[code] ?? 'check the path and the disk';
  return new UserError(
    `${path}: expected to write ${what} there, the system says ${code || messageOf(error)}; ${cure}`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
