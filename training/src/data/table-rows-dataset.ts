import { type Cell, encodeRow, rowWidth, type TableColumn, UserError } from '@generatrix/runtime/core';
import { type Dataset, floatDataset, type Split } from './dataset.ts';
import { named, type PartRequest, sourceOf, takePart } from './split.ts';
import { isMissing, labelPosition, numberOf, readCells, type TableCells, type TableFormat } from './table.ts';
import { tableFiles } from './table-files.ts';
import { type SchemaColumn, schemaOf } from './table-schema.ts';

export interface TableRowsOptions extends PartRequest, Omit<TableFormat, 'missing'> {
  /** The file, or a folder that holds it (see `tableFiles`). */
  readonly dir: string;
  /** Names of columns that are left out, separated by commas. */
  readonly dropColumns?: string | undefined;
}

/** Rows of a table as they are read: one cell for each column of the schema. */
export interface TablePart {
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly Cell[])[];
}

/**
 * Rows of a table of numbers and categories, missing numbers among them, as points `[rowWidth]`: encoded by the modes and
 * categories of the columns, which the data's description keeps (`spec.columns`), so that samples become rows again.
 * @throws UserError naming the file and the column of what cannot be used.
 */
export async function tableRowsDataset(options: TableRowsOptions): Promise<Dataset> {
  const { columns, rows } = await readTableRows(options);
  const width = rowWidth(columns);
  const values = new Float32Array(rows.length * width);
  for (const [row, cells] of rows.entries())
    encodeRow(cells, columns, values.subarray(row * width, (row + 1) * width));
  const labelAt = columns.findIndex((column) => column.kind === 'category' && column.label === true);
  const label = columns[labelAt];
  const classNames = label?.kind === 'category' ? label.values : [];
  const numbers = columns.filter(({ kind }) => kind === 'number').length;
  return floatDataset(
    {
      name: 'table',
      split: options.split,
      spec: { kind: 'points', shape: [width], columns },
      size: rows.length,
      labels:
        labelAt < 0 ? null : Int32Array.from(rows, (cells) => classNames.indexOf(String(cells[labelAt]))),
      classNames,
      notes: [`${numbers} columns of numbers, ${columns.length - numbers} of categories, as ${width} values`],
    },
    values,
  );
}

/** A part of a table as it is written, with what its columns hold. @throws UserError as `tableRowsDataset` does */
export async function readTableRows(options: TableRowsOptions): Promise<TablePart> {
  const { dir, labelColumn, dropColumns } = options;
  const paths = await tableFiles(dir, 'csv');
  const tables = new Map<Split, TableCells>();
  for (const [part, path] of paths) tables.set(part, await readCells(path, options, 'a table'));
  const first = tables.get('train')!;
  for (const { path, names } of tables.values()) {
    if (names.join() === first.names.join()) continue;
    throw new UserError(
      `${path}: expected the columns of ${first.path} (${first.names.join(', ')}), found ${names.join(', ')}; ` +
        'give both files the same columns',
    );
  }
  const labelAt = labelPosition(first.path, first.names, labelColumn);
  const kept = keptColumns(first, dropColumns, labelAt);
  const own = [...tables.keys()];
  const identified = ({ body }: TableCells) => named(body.map(({ cells }) => cells.join('\u001f')));
  const source = sourceOf(options, own);
  const trained = takePart(
    identified(first),
    { ...options, split: 'train', size: undefined },
    sourceOf({ ...options, split: 'train' }, own).missing,
    first.path,
  );
  const others = [...tables.values()].filter((table) => table !== first);
  const schema = schemaOf([first, ...others], trained, kept, labelAt);
  const table = tables.get(source.files)!;
  const chosen = takePart(identified(table), options, source.missing, table.path);
  return {
    columns: schema.map(({ column }) => column),
    rows: Array.from(chosen, (row) => cellsOf(table, row, schema)),
  };
}

/** Positions of the columns that are modelled. @throws UserError when names are double, or not there */
function keptColumns({ path, names }: TableCells, dropped: string | undefined, labelAt: number): number[] {
  const double = names.find((name, at) => names.indexOf(name) !== at);
  if (double !== undefined)
    throw new UserError(`${path}: expected columns of different names, found ${double} twice; rename one`);
  const out = dropped?.split(',').map((name) => name.trim()) ?? [];
  const unknown = out.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      `${path}: expected a column ${unknown}, which --drop-columns names, found ${names.join(', ')}`,
    );
  }
  if (labelAt >= 0 && out.includes(names[labelAt]!)) {
    throw new UserError(
      `--drop-columns ${names[labelAt]}: it is the column of the class; leave it out of one of the two`,
    );
  }
  const kept = [...names.keys()].filter((at) => !out.includes(names[at]!));
  if (kept.length > 0) return kept;
  throw new UserError(`${path}: expected columns besides those of --drop-columns, found none`);
}

function cellsOf({ body, decimal }: TableCells, row: number, schema: readonly SchemaColumn[]): Cell[] {
  return schema.map(({ column, at }): Cell => {
    const cell = body[row]!.cells[at]!;
    if (column.kind === 'category') return cell;
    return isMissing(cell) ? null : numberOf(cell, decimal);
  });
}
