import { basename, relative } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { sortedClasses } from './class-folders.ts';
import { checkIndices, type Dataset, type Split } from './dataset.ts';
import { standardCacheBytes } from './decoded-images.ts';
import { type ImageLayout, imageDataset } from './encoded-images.ts';
import { seeFile } from './file-ranges.ts';
import { filesBelow, firstLine, pathKind } from './files.ts';
import { chooseColumns, type ParquetColumns } from './parquet-columns.ts';
import { type AddRow, type RowStore, rowsInMemory, rowsOnDisk } from './row-store.ts';
import { type PartRequest, sourceOf, splitInName, takePart } from './split.ts';

export interface ParquetOptions extends PartRequest, ImageLayout {
  /** One `.parquet` file, or a folder of them. */
  readonly dir: string;
  readonly labelColumn?: string;
}

interface Part {
  readonly paths: readonly string[];
  readonly rows: RowStore;
}

/**
 * A table in Parquet files: columns of numbers (and of lists of numbers, of one length) as points, or a column of
 * images. Files whose names say `train`, `val` or `test` belong to that split; otherwise rows are split by a hash of
 * their content. Parquet packs rows in groups, which cannot be read one by one; so a table beyond `cacheBytes` is
 * unpacked once into a file in the user's cache, and read from there.
 * @throws UserError naming the file, the row and the column of what cannot be used.
 */
export async function parquet(options: ParquetOptions): Promise<Dataset> {
  const { dir, split } = options;
  const bySplit = await filesBySplit(dir);
  const first = [...bySplit.values()][0]![0]!;
  const { metadata } = await openTable(first);
  const { children } = parquetSchema(metadata);
  const columns = chooseColumns(first, children, metadata.key_value_metadata ?? [], options.labelColumn);
  const parts = new Map<Split, Part>();
  for (const [part, paths] of bySplit)
    parts.set(part, { paths, rows: await unpacked(paths, columns, options) });
  const { files, missing } = sourceOf(options, [...parts.keys()]);
  const { rows } = parts.get(files)!;
  const chosen = takePart({ count: rows.count, identity: (row) => rows.digest(row) }, options, missing, dir);
  const classNames = classesOf(parts, columns);
  const position = new Map(classNames.map((name, index) => [name, index]));
  const nameOf = (row: number) => className(rows.labels[row]!, columns);
  const labels = columns.label === null ? null : chosen.map((row) => position.get(nameOf(row))!);
  const fields = { name: 'parquet', split, size: chosen.length, labels, classNames };
  if (columns.image !== null) {
    const imageIn = (store: RowStore, row: number) => ({
      where: `${dir}, ${files} row ${row}`,
      source: store.bytes(row),
    });
    return imageDataset(
      fields,
      () => imageIn([...parts.values()][0]!.rows, 0),
      (index) => imageIn(rows, chosen[index]!),
      options,
    );
  }
  const width = rows.bytes(0).length / 4;
  for (const part of parts.values()) {
    if (part.rows.bytes(0).length === 4 * width) continue;
    throw new UserError(
      `${part.paths[0]}: expected ${width} numbers a row as in ${first}, found others; give all files the same columns`,
    );
  }
  return {
    ...fields,
    spec: { kind: 'points', shape: [width] },
    async gather(indices) {
      checkIndices(fields.name, indices, fields.size);
      const found = await rows.gather(Int32Array.from(indices, (index) => chosen[index]!));
      const out = new Uint8Array(indices.length * width * 4);
      for (const [at, bytes] of found.entries()) out.set(bytes, at * width * 4);
      return { dtype: 'float32', shape: [indices.length, width], data: new Float32Array(out.buffer) };
    },
  };
}

async function filesBySplit(dir: string): Promise<Map<Split, string[]>> {
  const isFile = (await pathKind(dir)) === 'file';
  const paths = isFile ? [dir] : await filesBelow(dir, new Set(['parquet']));
  if (paths.length === 0)
    throw new UserError(`${dir}: expected .parquet files, found none; check --data-dir`);
  const named = paths.map((path) => splitInName(isFile ? basename(path) : relative(dir, path)));
  if (isFile || named.every((split) => split === null)) return new Map([['train', paths]]);
  const nameless = paths[named.indexOf(null)];
  if (nameless !== undefined) {
    throw new UserError(
      `${nameless}: expected a name that says its split (train, val, test) as others here do, found none; rename it`,
    );
  }
  const found = new Map<Split, string[]>();
  for (const split of ['train', 'validation', 'test'] as const) {
    const own = paths.filter((_, at) => named[at] === split);
    if (own.length > 0) found.set(split, own);
  }
  if (!found.has('train')) {
    throw new UserError(
      `${dir}: expected files to train on, found only ${[...found.keys()].join(' and ')}; add them`,
    );
  }
  return found;
}

async function openTable(path: string): Promise<{ file: AsyncBuffer; metadata: FileMetaData }> {
  try {
    const file = await asyncBufferFromFile(path);
    return { file, metadata: await parquetMetadataAsync(file) };
  } catch (error) {
    throw new UserError(
      `${path}: expected a Parquet file, found another or a broken one (${firstLine(error)}); fetch it again`,
    );
  }
}

/** Rows that are held, by what they were unpacked from: the splits of one data set share them. */
const held = new Map<string, WeakRef<RowStore>>();

async function unpacked(
  paths: readonly string[],
  columns: ParquetColumns,
  { cacheBytes = standardCacheBytes }: ParquetOptions,
): Promise<RowStore> {
  const files = await Promise.all(paths.map(seeFile));
  const key = JSON.stringify([files, columns]);
  let bytes = 0;
  const used = [columns.image?.name, ...columns.numbers];
  for (const path of paths) {
    for (const { columns: chunks } of (await openTable(path)).metadata.row_groups) {
      for (const { meta_data: chunk } of chunks) {
        if (chunk && used.includes(chunk.path_in_schema[0])) bytes += Number(chunk.total_uncompressed_size);
      }
    }
  }
  const onDisk = bytes > cacheBytes;
  const known = held.get(`${onDisk} ${key}`)?.deref();
  if (known) return known;
  const fill = (add: AddRow) => eachRow(paths, columns, add);
  const rows = await (onDisk ? rowsOnDisk(key, fill) : rowsInMemory(fill));
  if (rows.count === 0) throw new UserError(`${paths[0]}: expected rows, found none; save it again`);
  held.set(`${onDisk} ${key}`, new WeakRef(rows));
  return rows;
}

async function eachRow(paths: readonly string[], columns: ParquetColumns, add: AddRow): Promise<void> {
  let width: number | null = null;
  for (const path of paths) {
    const { file, metadata } = await openTable(path);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const names = [columns.image?.name, ...columns.numbers, columns.label].filter((name) => name != null);
      const rows = await parquetReadObjects({
        file,
        metadata,
        columns: names,
        rowStart,
        rowEnd,
        compressors,
        utf8: false,
      }).catch((error: unknown) => {
        throw new UserError(
          `${path}: rows ${rowStart} to ${rowEnd} cannot be read (${firstLine(error)}); fetch it again`,
        );
      });
      for (const [at, row] of rows.entries() as Iterable<[number, Readonly<Record<string, unknown>>]>) {
        const where = `${path}, row ${rowStart + at}`;
        const label = columns.label === null ? null : labelIn(where, columns.label, row[columns.label]);
        if (columns.image === null) {
          const values = numbersIn(where, columns.numbers, row);
          width ??= values.length;
          if (values.length !== width) {
            throw new UserError(
              `${where}: expected ${width} numbers as in the first row, found ${values.length}; make all lists as long`,
            );
          }
          add(new Uint8Array(Float32Array.from(values).buffer), label);
        } else add(imageIn(where, columns.image, row), label);
      }
      rowStart = rowEnd;
    }
  }
}

function imageIn(
  where: string,
  { name, inStruct }: NonNullable<ParquetColumns['image']>,
  row: Readonly<Record<string, unknown>>,
): Uint8Array {
  const bytes = inStruct ? (row[name] as { bytes?: unknown } | null)?.bytes : row[name];
  if (bytes instanceof Uint8Array && bytes.length > 0) return bytes;
  throw new UserError(
    `${where}: expected an image's bytes in column ${name}, found none; embed the images in the file`,
  );
}

function labelIn(where: string, column: string, value: unknown): string | number {
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (typeof value === 'string' || typeof value === 'number') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  throw new UserError(
    `${where}: expected a class in column ${column}, found none; fill it in or drop the row`,
  );
}

function numbersIn(
  where: string,
  columns: readonly string[],
  row: Readonly<Record<string, unknown>>,
): number[] {
  return columns.flatMap((column) => {
    const value = row[column];
    const values: unknown[] =
      Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as ArrayLike<unknown>) : [value];
    return values.map((each) => checkedNumber(where, column, each));
  });
}

/** Largest whole number up to which float32 has every one. */
const largestWhole = 2n ** 24n;

function checkedNumber(where: string, column: string, value: unknown): number {
  if (typeof value === 'bigint' && (value > largestWhole || value < -largestWhole)) {
    throw new UserError(
      `${where}: expected numbers that float32 holds, found ${value} in column ${column}; subtract an offset, or drop the column`,
    );
  }
  const number = typeof value === 'bigint' || typeof value === 'boolean' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(Math.fround(number))) return number;
  throw new UserError(
    `${where}: expected a finite number that float32 holds in column ${column}, found ${value === null || value === undefined ? 'none' : String(value)}; mend or drop the row`,
  );
}

function className(label: string | number, { classNames }: ParquetColumns): string {
  return (typeof label === 'number' ? classNames?.[label] : undefined) ?? String(label);
}

/** Class names of all files: those that the file says, every whole number up to the highest, or those that occur. */
function classesOf(parts: ReadonlyMap<Split, Part>, columns: ParquetColumns): string[] {
  if (columns.label === null) return [];
  if (columns.classNames !== null) {
    for (const { paths, rows } of parts.values()) {
      const row = rows.labels.findIndex(
        (label) => typeof label === 'number' && !(label in columns.classNames!),
      );
      if (row >= 0) {
        throw new UserError(
          `${paths[0]}: expected labels 0 to ${columns.classNames.length - 1} in column ${columns.label}, found ${rows.labels[row]} in row ${row}; mend it`,
        );
      }
    }
    return [...columns.classNames];
  }
  const names = sortedClasses([...parts.values()].flatMap(({ rows }) => rows.labels.map(String)));
  const highest = Number(names.at(-1));
  const numbered = names.every((name) => /^\d+$/.test(name)) && highest < 65_536;
  return numbered ? Array.from({ length: highest + 1 }, (_, label) => String(label)) : names;
}
