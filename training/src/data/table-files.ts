import { join } from 'node:path';
import { UserError } from '../errors.ts';
import type { FileSplit } from './dataset.ts';
import { extensionOf, listFolder, pathKind } from './files.ts';

/** Where a table lies: one file to be split, or one file per split. */
export type TableFiles =
  | { readonly kind: 'whole'; readonly path: string }
  | ({ readonly kind: 'split' } & Readonly<Record<FileSplit, string>>);

/**
 * Finds a table: the file itself or, in a folder, `train.<extension>` and `test.<extension>`, or the only
 * file of the extension.
 * @param isData says which file names hold data; others (label files) are passed over
 * @throws UserError when nothing is there, or several files are and none is named for a split.
 */
export async function tableFiles(
  path: string,
  extension: string,
  isData: (name: string) => boolean = () => true,
): Promise<TableFiles> {
  if ((await pathKind(path)) === 'file') return { kind: 'whole', path };
  const { files } = await listFolder(path);
  const tables = files.filter((name) => extensionOf(name) === extension && isData(name));
  const [train, test] = [`train.${extension}`, `test.${extension}`];
  if (tables.includes(train) && tables.includes(test)) {
    return { kind: 'split', train: join(path, train), test: join(path, test) };
  }
  if (tables.length === 1) return { kind: 'whole', path: join(path, tables[0]!) };
  throw new UserError(
    `${path}: expected ${train} and ${test}, or a single .${extension} file, found ` +
      `${tables.length === 0 ? 'none' : tables.slice(0, 4).join(', ')}; name one file with --data-dir`,
  );
}
