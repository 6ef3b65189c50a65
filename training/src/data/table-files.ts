import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { type Split, splits } from './dataset.ts';
import { extensionOf, listFolder, pathKind } from './files.ts';

/** Names, without extension and in any case, of a split's file. */
const splitNames: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['val', 'valid', 'validation', 'dev'],
  test: ['test', 'testing'],
};

/**
 * Finds a table: the file itself or, in a folder, the only file of the extension; or `train.<extension>` with
 * `val` or `test` beside it (also `training`, `valid`, `validation`, `dev`, `testing`, in any case).
 * @param isData says which file names hold data; others (label files) are passed over
 * @returns the file of each split; a file that is to be divided is `train` alone
 * @throws UserError when nothing is there, or several files are and none is named for a split.
 */
export async function tableFiles(
  path: string,
  extension: string,
  isData: (name: string) => boolean = () => true,
): Promise<ReadonlyMap<Split, string>> {
  if ((await pathKind(path)) === 'file') return new Map([['train', path]]);
  const { files } = await listFolder(path);
  const tables = files.filter((name) => extensionOf(name) === extension && isData(name));
  const found = new Map<Split, string>();
  for (const split of splits) {
    const named = tables.filter((name) =>
      splitNames[split].includes(name.slice(0, -extension.length - 1).toLowerCase()),
    );
    if (named.length > 1) {
      throw new UserError(
        `${path}: expected one file for the ${split} split, found ${named.join(' and ')}; put them together`,
      );
    }
    if (named[0] !== undefined) found.set(split, join(path, named[0]));
  }
  if (found.has('train') && found.size > 1) return found;
  if (tables.length === 1) return new Map([['train', join(path, tables[0]!)]]);
  throw new UserError(
    `${path}: expected train.${extension} with val.${extension} or test.${extension}, or a single .${extension} file, ` +
      `found ${tables.length === 0 ? 'none' : tables.slice(0, 4).join(', ')}; name one file with --data-dir`,
  );
}
