import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join, sep } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UserError } from '@generatrix/runtime/core';

/** What stands at a path. */
export type PathKind = 'file' | 'folder' | 'missing';

/** @throws UserError when the path cannot be looked at for another reason than that nothing is there. */
export async function pathKind(path: string): Promise<PathKind> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing';
    throw unreadable(path, code);
  }
}

/** Do the file's first two bytes say that it is packed with gzip? @throws UserError when it cannot be read. */
export async function isPacked(path: string): Promise<boolean> {
  const file = await open(path).catch((error: unknown) => {
    throw unreadable(path, systemCode(error));
  });
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(2), 0, 2, 0);
    const [first, second] = buffer;
    const isZip = first === 0x50 && second === 0x4b;
    return bytesRead === 2 && (isZip || (first === 0x1f && second === 0x8b));
  } finally {
    await file.close();
  }
}

/**
 * Reads a whole file, unpacked when its first two bytes are gzip's.
 * @param purpose what the file was wanted for, such as `MNIST-style images`
 * @throws UserError when it is missing, unreadable, empty or broken gzip.
 */
export async function readBytes(path: string, purpose: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT')
      throw new UserError(`${path}: expected ${purpose}, found no such file; check --data-dir`);
    throw unreadable(path, code);
  }
  if (bytes.length === 0)
    throw new UserError(`${path}: expected ${purpose}, found an empty file; fetch it again`);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new UserError(
      `${path}: expected ${purpose} in gzip, found a broken archive (${firstLine(error)}); fetch it again`,
    );
  }
}

/**
 * Names in a folder, sorted by code unit (the same everywhere), without hidden ones; sub-folders and files
 * apart.
 * @throws UserError when there is no such folder, or it is a file.
 */
export async function listFolder(path: string): Promise<{ files: string[]; folders: string[] }> {
  const kind = await pathKind(path);
  if (kind !== 'folder') {
    const found = kind === 'file' ? 'a file' : 'nothing there';
    throw new UserError(`${path}: expected a folder of data, found ${found}; give a folder with --data-dir`);
  }
  const files: string[] = [];
  const folders: string[] = [];
  const entries = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(path, systemCode(error));
  });
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const isFolder = entry.isSymbolicLink()
      ? (await pathKind(join(path, entry.name))) === 'folder'
      : entry.isDirectory();
    (isFolder ? folders : files).push(entry.name);
  }
  return { files: files.sort(), folders: folders.sort() };
}

/** Paths below a folder, at any depth, of the files whose lower-case extension is one of these; sorted. */
export async function filesBelow(folder: string, extensions: ReadonlySet<string>): Promise<string[]> {
  return (await everyFileBelow(folder)).filter((path) => extensions.has(extensionOf(basename(path))));
}

/** Names of the files below a folder, at any depth, whose extension is none of these; hidden ones are left out. */
export async function otherFilesBelow(folder: string, extensions: ReadonlySet<string>): Promise<string[]> {
  const names = (await everyFileBelow(folder)).map((path) => basename(path));
  return names.filter((name) => !extensions.has(extensionOf(name)));
}

/** A link to a folder that holds it would lead round and round: such a link is passed over. */
async function everyFileBelow(folder: string, parent: string | null = null): Promise<string[]> {
  const { files, folders } = await listFolder(folder);
  const here = await realpath(folder).catch((error: unknown) => {
    throw unreadable(folder, systemCode(error));
  });
  if (parent !== null && `${parent}${sep}`.startsWith(`${here}${sep}`)) return [];
  const found = files.map((name) => join(folder, name));
  for (const name of folders) found.push(...(await everyFileBelow(join(folder, name), here)));
  return found;
}

/** Lower-case extension without the dot; empty when there is none. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
}

/** The first line of an error's message, for use inside another one-line message. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0]!.trim();
}

function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : firstLine(error);
}

function unreadable(path: string, code: string): UserError {
  const cure =
    code === 'ERR_FS_FILE_TOO_LARGE'
      ? 'files of 2 GiB or more cannot be read, divide it'
      : 'check its permissions';
  return new UserError(`${path}: expected a readable path, the system says ${code}; ${cure}`);
}
