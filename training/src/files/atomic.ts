import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { systemCode, systemError } from '../errors/system-error.ts';
import { takeLock } from './lock.ts';
import { checkReplaceable, foreignFile, type ReplaceOptions } from './owned-folder.ts';
import { clearSiblings, siblingOf } from './siblings.ts';

/**
 * Writes a file so that a reader, or a crash at any moment, finds the old content or the new, never a part: a
 * temporary file in the same folder, flushed to the disk, then renamed over the path. The folder must exist.
 * @param data the content, or its parts, which are written one after the other
 * @throws UserError naming the path when the system refuses (no space, no permission, no such folder), and what the
 *   parts throw; the old file is then untouched and no temporary file remains.
 */
export async function writeFileAtomic(
  path: string,
  data: Uint8Array | string | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = siblingOf(path, 'partial');
  let handle: FileHandle | null = null;
  try {
    handle = await open(temporary, 'wx');
    await writeFile(handle, data);
    await handle.sync();
    await handle.close();
    handle = null;
    await rename(temporary, path);
  } catch (error) {
    await handle?.close().catch(() => undefined);
    await rm(temporary, { force: true }).catch(() => undefined);
    throw systemCode(error) === '' ? error : unwritable(path, 'a file', error);
  }
  await flushFolder(dirname(path));
}

/**
 * Creates a folder and those around it where missing. Node's own `mkdir` with `recursive` never returns where a system
 * answers that a folder is missing whose parent is there, as /proc does.
 * @returns the outermost folder that was created, or null when there was nothing to create
 * @throws UserError naming the path when the system refuses.
 */
export async function makeFolder(path: string): Promise<string | null> {
  try {
    return await makeFolders(resolve(path));
  } catch (error) {
    throw unwritable(path, 'a folder', error);
  }
}

async function makeFolders(path: string): Promise<string | null> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  });
  if (found !== null) {
    if (found.isDirectory()) return null;
    throw Object.assign(new Error('a file'), { code: 'ENOTDIR' });
  }
  const created = await makeFolders(dirname(path));
  const made = await mkdir(path).then(
    () => true,
    (error: unknown) => {
      // Another process was faster.
      if (systemCode(error) === 'EEXIST') return false;
      throw error;
    },
  );
  return created ?? (made ? path : null);
}

/**
 * Finds out, before any work is done, whether a file can be created in a folder.
 * @param path what errors name
 * @throws UserError when the system refuses.
 */
export async function checkWritable(folder: string, path: string = folder): Promise<void> {
  const probe = siblingOf(join(folder, 'probe'), 'partial');
  try {
    await (await open(probe, 'wx')).close();
  } catch (error) {
    throw unwritable(path, 'a file', error);
  } finally {
    await rm(probe, { force: true }).catch(() => undefined);
  }
}

/** Finds out, before any work is done, whether a file can be written. @throws UserError when it cannot. */
export async function checkFileWritable(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw unwritable(path, 'a file', Object.assign(new Error(), { code: 'EISDIR' }));
  await checkWritable(dirname(path), path);
}

/**
 * Replaces a folder as a whole. `writer` fills a new sibling folder, which takes the path's place once it is
 * complete and on the disk. When the path exists already, there is an instant between the two renames at which
 * nothing stands there; nothing half-written ever does. If the writer or the swap fails, the old folder is back
 * in place and the new one gone. What writers that were killed left beside the path is cleared first.
 * @throws what the writer throws; UserError naming the path when it may not be replaced (`checkReplaceable`), when
 *   another process is replacing it, or when the system refuses.
 */
export async function replaceFolderAtomic(
  path: string,
  writer: (temporaryFolder: string) => Promise<void>,
  options: ReplaceOptions,
): Promise<void> {
  // Without a trailing slash or `.`, so that the sibling's name is built from the folder's own.
  const target = resolve(path);
  await checkReplaceable(path, options);
  const lock = await takeLock(join(dirname(target), `.${basename(target)}.lock`), path);
  const temporary = siblingOf(target, 'partial');
  try {
    await clearSiblings(target);
    await checkReplaceable(path, options);
    await mkdir(temporary).catch((error: unknown) => {
      throw unwritable(path, 'a folder', error);
    });
    await writer(temporary);
    await flushTree(temporary);
    await swap(temporary, target, path);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw systemCode(error) === '' ? error : unwritable(path, 'a folder', error);
  } finally {
    await lock.release();
  }
}

async function swap(temporary: string, target: string, path: string): Promise<void> {
  const replaced = siblingOf(target, 'replaced');
  const moved = await rename(target, replaced).then(
    () => true,
    (error: unknown) => {
      if (systemCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
  try {
    // Someone may have put a file there since it was looked through.
    const late = moved ? ((await foreignFile(replaced))?.path ?? null) : null;
    if (late !== null)
      throw new UserError(`${path}: not replaced, as it holds ${late}, which no export wrote`);
    await rename(temporary, target);
  } catch (error) {
    if (moved) await rename(replaced, target);
    throw error;
  }
  await flushFolder(dirname(target));
  if (moved) await rm(replaced, { recursive: true, force: true });
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
  return systemError(path, `expected to write ${what} there`, error);
}
