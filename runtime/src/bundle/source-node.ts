import { readFile, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { messageOf, UserError } from '../errors.ts';
import { type BundleSource, type ReadOptions, wrongSize } from './bundle.ts';
import { isPlainPath } from './manifest-schema.ts';

/**
 * A bundle in a folder: the bundle itself, or a training run's folder, which has its bundle in `bundle/`.
 * Links that lead out of the folder are refused, and so is what is no regular file.
 * @throws UserError when the folder is missing or holds no bundle.
 */
export async function folderSource(folder: string): Promise<BundleSource> {
  const root = await bundleFolder(folder);
  return {
    describe: () => folder,
    read: async (path, options = {}) => {
      options.signal?.throwIfAborted();
      if (!isPlainPath(path))
        throw new UserError(`bundle ${folder}: '${path}' is not a path inside the bundle`);
      const file = await realpath(join(root, path)).catch((error: unknown) => {
        throw new UserError(`bundle ${folder}: ${path} cannot be read: ${reason(error)}`);
      });
      const inside = relative(root, file);
      if (inside.split(sep)[0] === '..' || isAbsolute(inside)) {
        throw new UserError(`bundle ${folder}: ${path} is a link that leads out of the bundle`);
      }
      await checkFile(`bundle ${folder}: ${path}`, file, options);
      const bytes = await readFile(file, { signal: options.signal }).catch((error: unknown) => {
        options.signal?.throwIfAborted();
        throw new UserError(`bundle ${folder}: ${path} cannot be read: ${reason(error)}`);
      });
      options.onProgress?.({ received: bytes.byteLength, total: bytes.byteLength });
      return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
  };
}

/** Before anything is read: a pipe would never end, and a file of the wrong size might not fit into memory. */
async function checkFile(
  where: string,
  file: string,
  { expectedBytes, maxBytes = Number.POSITIVE_INFINITY }: ReadOptions,
): Promise<void> {
  const stats = await stat(file).catch((error: unknown) => {
    throw new UserError(`${where} cannot be read: ${reason(error)}`);
  });
  if (!stats.isFile() && !stats.isDirectory()) throw new UserError(`${where} is not a regular file`);
  if (stats.size > maxBytes) {
    throw new UserError(`${where} has ${stats.size} bytes, more than the ${maxBytes} that it may have`);
  }
  if (expectedBytes !== undefined && stats.isFile() && stats.size !== expectedBytes) {
    throw wrongSize(where, stats.size, expectedBytes);
  }
}

/**
 * Where a folder's bundle lies, links resolved: the folder itself, or `bundle/` of a training run's folder.
 * @throws UserError when the folder is missing or holds no bundle.
 */
export async function bundleFolder(folder: string): Promise<string> {
  const stats = await stat(folder).catch(() => undefined);
  if (stats === undefined) throw new UserError(`bundle ${folder}: there is no such folder`);
  if (!stats.isDirectory()) throw new UserError(`bundle ${folder}: expected a folder, this is a file`);
  for (const candidate of [folder, join(folder, 'bundle')]) {
    if ((await stat(join(candidate, 'model.json')).catch(() => undefined))?.isFile())
      return realpath(candidate);
  }
  if ((await stat(join(folder, 'run.json')).catch(() => undefined))?.isFile()) {
    throw new UserError(
      `bundle ${folder}: expected the bundle of a run, this one is not done; go on with: generatrix resume ${folder}, ` +
        `or take its last checkpoint by: generatrix export ${folder} --out FOLDER`,
    );
  }
  throw new UserError(
    `bundle ${folder}: the folder has neither model.json (a bundle) nor bundle/model.json (a run that was exported)`,
  );
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'the file is missing',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go in a circle',
};

function reason(error: unknown): string {
  return reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? messageOf(error);
}
