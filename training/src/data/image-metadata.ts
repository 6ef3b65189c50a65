import { basename, join, normalize } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import { sortedClasses } from './class-folders.ts';
import { firstLine, listFolder, readBytes } from './files.ts';
import { csvRecords } from './table.ts';

/** Classes of images by path, as a table beside them says. */
export interface ImageMetadata {
  readonly labelOf: ReadonlyMap<string, string>;
  readonly classNames: readonly string[];
  /** The tables that were read. */
  readonly tables: readonly string[];
}

const tableNames = ['metadata.csv', 'metadata.jsonl'];

/**
 * The classes that `metadata.csv` or `metadata.jsonl` give, in a folder of images or in the folders of its splits, as
 * Hugging Face lays image folders out: a row for each image with its `file_name`, relative to the table, and `label`.
 * @returns null when there is no such table, or none with a column `label`
 * @throws UserError naming the table and the row that cannot be used.
 */
export async function imageMetadata(dir: string): Promise<ImageMetadata | null> {
  const { folders } = await listFolder(dir);
  const labelOf = new Map<string, string>();
  const tables: string[] = [];
  for (const folder of [dir, ...folders.map((name) => join(dir, name))]) {
    const { files } = await listFolder(folder);
    const found = files.filter((name) => tableNames.includes(name));
    if (found.length > 1) {
      throw new UserError(
        `${folder}: expected one table of metadata, found ${found.join(' and ')}; keep one`,
      );
    }
    for (const name of found) {
      const path = join(folder, name);
      const rows = rowsOf(path, Buffer.from(await readBytes(path, 'a table of images')).toString('utf8'));
      if (!rows.some((row) => 'label' in row)) continue;
      tables.push(path);
      for (const [at, row] of rows.entries()) {
        const { file_name: file, label } = row;
        if (
          typeof file !== 'string' ||
          (typeof label !== 'string' && typeof label !== 'number') ||
          label === ''
        ) {
          throw new UserError(
            `${path}: expected file_name and label in row ${at + 1}, found ${JSON.stringify(row).slice(0, 80)}; fill it in`,
          );
        }
        labelOf.set(normalize(join(folder, file)), String(label));
      }
    }
  }
  return tables.length === 0 ? null : { labelOf, classNames: sortedClasses([...labelOf.values()]), tables };
}

/** The class of each image. @throws UserError naming an image that no table has. */
export function metadataLabels(
  { labelOf, classNames, tables }: ImageMetadata,
  paths: readonly string[],
): Int32Array {
  const position = new Map(classNames.map((name, index) => [name, index]));
  return Int32Array.from(paths, (path) => {
    const label = labelOf.get(normalize(path));
    if (label !== undefined) return position.get(label)!;
    throw new UserError(
      `${path}: expected a row for ${basename(path)} in ${tables.join(' or ')}, found none; add it, or take the column label out`,
    );
  });
}

function rowsOf(path: string, text: string): Readonly<Record<string, unknown>>[] {
  try {
    if (path.endsWith('.csv')) return csvRecords(text);
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line) => Object(JSON.parse(line)) as Readonly<Record<string, unknown>>);
  } catch (error) {
    throw new UserError(
      `${path}: expected a table of images, found a broken one (${firstLine(error)}); write it again`,
    );
  }
}
