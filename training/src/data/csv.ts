import { CsvError, parse } from 'csv-parse/sync';
import { UserError } from '../errors.ts';
import { sortedClasses } from './class-folders.ts';
import { type Dataset, floatDataset, type Split } from './dataset.ts';
import { firstLine, readBytes } from './files.ts';
import { type PartRequest, rowsOf, sourceOf, takePart } from './split.ts';
import { tableFiles } from './table-files.ts';

export interface CsvOptions extends PartRequest {
  /** The file, or a folder that holds it (see `tableFiles`). */
  readonly dir: string;
  /** Name of the column that holds the class; without a header, its 0-based position. */
  readonly labelColumn?: string;
}

interface Table {
  readonly path: string;
  /** Names of the numeric columns. */
  readonly columns: readonly string[];
  /** `[rows, columns]`. */
  readonly values: Float32Array;
  readonly rows: number;
  /** Class of each row; null without a label column. */
  readonly classes: readonly string[] | null;
}

/**
 * Rows of a comma-separated table as points `[columns]`, in the file's own units. A first row in which every
 * cell is a number is data; otherwise it is the header. Every column but the label's must be numeric.
 * @throws UserError naming the file, the line and the column of what cannot be used.
 */
export async function csv(options: CsvOptions): Promise<Dataset> {
  const { dir, split, labelColumn } = options;
  const paths = await tableFiles(dir, 'csv');
  const tables = new Map<Split, Table>();
  for (const [part, path] of paths) tables.set(part, await readTable(path, labelColumn));
  const first = tables.get('train')!;
  for (const { path, columns } of tables.values()) {
    if (columns.join() === first.columns.join()) continue;
    throw new UserError(
      `${path}: expected the columns of ${first.path} (${first.columns.join(', ')}), ` +
        `found ${columns.join(', ')}; give both files the same columns`,
    );
  }
  const { files, missing } = sourceOf(options, [...tables.keys()]);
  const table = tables.get(files)!;
  const width = table.columns.length;
  const chosen = takePart(rowsOf(table.values, width), options, missing, table.path);
  const values = new Float32Array(chosen.length * width);
  chosen.forEach((from, to) => {
    values.set(table.values.subarray(from * width, (from + 1) * width), to * width);
  });
  const classNames = sortedClasses([...tables.values()].flatMap(({ classes }) => classes ?? []));
  const position = new Map(classNames.map((name, index) => [name, index]));
  const labels = table.classes ? chosen.map((row) => position.get(table.classes![row]!)!) : null;
  return floatDataset(
    { name: 'csv', split, spec: { kind: 'points', shape: [width] }, size: chosen.length, labels, classNames },
    values,
  );
}

async function readTable(path: string, labelColumn: string | undefined): Promise<Table> {
  const records = parseRecords(path, await readBytes(path, 'comma-separated numbers'));
  const hasHeader = records.length > 0 && !records[0]!.cells.every(isNumber);
  const header = hasHeader ? records[0]!.cells : (records[0]?.cells.map((_, column) => String(column)) ?? []);
  const body = hasHeader ? records.slice(1) : records;
  if (body.length === 0) {
    throw new UserError(
      `${path}: expected rows of numbers, found ${hasHeader ? 'only a header' : 'none'}; add rows`,
    );
  }
  const labelAt = labelColumn === undefined ? -1 : header.indexOf(labelColumn);
  if (labelColumn !== undefined && labelAt < 0) {
    throw new UserError(
      `${path}: expected a column ${labelColumn}, found ${header.join(', ')}; name one of these with --label-column`,
    );
  }
  const columns = header.filter((_, column) => column !== labelAt);
  if (columns.length === 0)
    throw new UserError(`${path}: expected numeric columns, found only the label; add columns`);
  const values = new Float32Array(body.length * columns.length);
  let filled = 0;
  for (const { cells, line } of body) {
    for (const [column, cell] of cells.entries()) {
      if (column === labelAt) continue;
      if (!isNumber(cell)) {
        throw new UserError(
          `${path}: expected a number in line ${line}, column ${header[column]}, found "${cell.slice(0, 40)}"; ` +
            'mend it, remove the column, or name it with --label-column',
        );
      }
      values[filled++] = Number(cell);
    }
  }
  const classes = labelAt < 0 ? null : body.map(({ cells }) => cells[labelAt]!);
  return { path, columns, values, rows: body.length, classes };
}

/** Whether a cell is a finite number that a float32 can hold. */
function isNumber(cell: string): boolean {
  return cell !== '' && Number.isFinite(Math.fround(Number(cell)));
}

function parseRecords(path: string, bytes: Uint8Array): { cells: string[]; line: number }[] {
  try {
    const parsed = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      bom: true,
      trim: true,
      skip_empty_lines: true,
      info: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return parsed.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UserError(
      `${path}: expected rows of equal length, found otherwise (${firstLine(error)}); mend the line`,
    );
  }
}
