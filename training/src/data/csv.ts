import { UserError } from '@generatrix/runtime/core';
import { sortedClasses } from './class-folders.ts';
import { type Dataset, floatDataset, type Split } from './dataset.ts';
import { type PartRequest, rowsOf, sourceOf, takePart } from './split.ts';
import { readTable, type Table, type TableFormat } from './table.ts';
import { tableFiles } from './table-files.ts';

export interface CsvOptions extends PartRequest, TableFormat {
  /** The file, or a folder that holds it (see `tableFiles`). */
  readonly dir: string;
  /** `yes`: each column less its mean, over its standard deviation, both of the training part. */
  readonly standardise?: 'yes' | 'no';
}

/** What each column was lessened and divided by. */
interface Scaling {
  readonly means: readonly number[];
  readonly deviations: readonly number[];
}

/**
 * Rows of a table of numbers as points `[columns]`, in the file's own units unless `standardise` is asked for; then a
 * sample x of the model is mean + deviation x in the file's. Every column but the label's must be numeric.
 * @throws UserError naming the file, the line and the column of what cannot be used.
 */
export async function csv(options: CsvOptions): Promise<Dataset> {
  const { dir, split, missing: gaps = 'refuse', standardise = 'no' } = options;
  const paths = await tableFiles(dir, 'csv');
  const tables = new Map<Split, Table>();
  for (const [part, path] of paths) tables.set(part, await readTable(path, options));
  const first = tables.get('train')!;
  for (const { path, columns } of tables.values()) {
    if (columns.join() === first.columns.join()) continue;
    throw new UserError(
      `${path}: expected the columns of ${first.path} (${first.columns.join(', ')}), ` +
        `found ${columns.join(', ')}; give both files the same columns`,
    );
  }
  if (standardise === 'no') for (const table of tables.values()) checkExact(table);
  const { files, missing } = sourceOf(options, [...tables.keys()]);
  const table = tables.get(files)!;
  const width = table.columns.length;
  const chosen = takePart(rowsOf(table.values, width), options, missing, table.path);
  const trained = takePart(
    rowsOf(first.values, width),
    { ...options, split: 'train', size: undefined },
    sourceOf({ ...options, split: 'train' }, [...tables.keys()]).missing,
    first.path,
  );
  const scaling = gaps === 'mean' || standardise === 'yes' ? scalingOf(first, trained) : null;
  const values = new Float32Array(chosen.length * width);
  chosen.forEach((from, row) => {
    for (let column = 0; column < width; column++) {
      const raw = table.values[from * width + column]!;
      const filled = Number.isNaN(raw) ? scaling!.means[column]! : raw;
      values[row * width + column] =
        standardise === 'yes' ? (filled - scaling!.means[column]!) / scaling!.deviations[column]! : filled;
    }
  });
  const classNames = sortedClasses([...tables.values()].flatMap(({ classes }) => classes ?? []));
  const position = new Map(classNames.map((name, index) => [name, index]));
  const labels = table.classes ? chosen.map((row) => position.get(table.classes![row]!)!) : null;
  const notes = [
    `columns ${table.columns.slice(0, 8).join(' ')}${width > 8 ? ' ...' : ''}`,
    ...(table.dropped > 0 ? [`${table.dropped} rows left out for missing values`] : []),
    ...(scaling !== null && standardise === 'yes' ? [`standardised: ${scalingText(table, scaling)}`] : []),
  ];
  return floatDataset(
    {
      name: 'csv',
      split,
      spec: { kind: 'points', shape: [width] },
      size: chosen.length,
      labels,
      classNames,
      notes,
    },
    values,
  );
}

/** What takes samples back to the file's units. */
function scalingText({ columns }: Table, { means, deviations }: Scaling): string {
  const text = columns.map(
    (name, at) => `${name} = ${means[at]!.toPrecision(6)} + ${deviations[at]!.toPrecision(6)} x`,
  );
  return text.slice(0, 8).join(', ') + (columns.length > 8 ? ', ...' : '');
}

/** Mean and standard deviation (of the population) of each column over these rows, without missing values. */
function scalingOf({ path, columns, values }: Table, rows: Int32Array): Scaling {
  const width = columns.length;
  const means: number[] = [];
  const deviations: number[] = [];
  for (const [column, name] of columns.entries()) {
    const known = Array.from(rows, (row) => values[row * width + column]!).filter((x) => !Number.isNaN(x));
    if (known.length === 0) {
      throw new UserError(
        `${path}: expected values in column ${name} of the training part, found none; remove the column`,
      );
    }
    const mean = known.reduce((sum, x) => sum + x / known.length, 0);
    const variance = known.reduce((sum, x) => sum + (x - mean) ** 2 / known.length, 0);
    means.push(mean);
    // A constant column stays constant.
    deviations.push(Math.sqrt(variance) || 1);
  }
  return { means, deviations };
}

/** Refuses what float32 would change beyond its precision: whole numbers above 2^24, and values that overflow. */
function checkExact({ path, columns, values, inexact }: Table): void {
  for (const [column, { cell, line }] of inexact) {
    throw new UserError(
      `${path}: expected whole numbers that 32-bit floats hold exactly (up to 16777216), found ${cell.slice(0, 40)} in line ${line}, ` +
        `column ${columns[column]}; remove the column if it is an identifier, or say --standardise yes`,
    );
  }
  const beyond = values.findIndex((value) => {
    const rounded = Math.fround(value);
    return !Number.isNaN(value) && (!Number.isFinite(rounded) || (rounded === 0 && value !== 0));
  });
  if (beyond < 0) return;
  throw new UserError(
    `${path}: expected numbers between 1.4e-45 and 3.4e38 in size, found ${values[beyond]} in column ${columns[beyond % columns.length]}; ` +
      'scale the column, or say --standardise yes',
  );
}
