import {
  type CategoryColumn,
  columnSpans,
  type NumberColumn,
  type TableColumn,
} from '../program/table-columns.ts';
import type { HostTensor } from '../program/tensor.ts';

/** What stands in a cell: null for a missing number. */
export type Cell = string | number | null;

/** Deviations of a mode that the value 1 is, as in the paper: nearly all values lie within. */
const deviations = 4;

/**
 * Encodes a row by the modes and categories of its columns (Xu et al. 2019, arXiv:1907.00503, section 4.2, but for the
 * mode, which is the likeliest one and not drawn). Numbers that a 32-bit float does not hold keep their precision relative
 * to the mode.
 * @param cells one for each column; categories as the table writes them
 * @param out `rowWidth` values, which are overwritten
 * @throws RangeError when a category is none of the column's, or a number is missing where none may be.
 */
export function encodeRow(
  cells: readonly Cell[],
  columns: readonly TableColumn[],
  out: { [index: number]: number; readonly length: number },
): void {
  for (const [at, { column, scalar, start, choices }] of columnSpans(columns).entries()) {
    const cell = cells[at] ?? null;
    const { choice, place } =
      column.kind === 'number' ? encodeNumber(column, cell) : { choice: categoryOf(column, cell), place: 0 };
    if (scalar !== undefined) out[scalar] = place;
    for (let k = 0; k < choices; k++) out[start + k] = k === choice ? 1 : 0;
  }
}

function encodeNumber({ name, modes, missing }: NumberColumn, cell: Cell): { choice: number; place: number } {
  if (cell === null) {
    if (missing === undefined) throw new RangeError(`column ${name}: expected a number, found none`);
    return { choice: modes.length, place: 0 };
  }
  const value = Number(cell);
  // Up to a constant that all modes share.
  const logShares = modes.map(
    ({ mean, std, weight }) => Math.log(weight) - Math.log(std) - 0.5 * ((value - mean) / std) ** 2,
  );
  const choice = logShares.indexOf(Math.max(...logShares));
  const { mean, std } = modes[choice]!;
  return { choice, place: (value - mean) / (deviations * std) };
}

function categoryOf({ name, values }: CategoryColumn, cell: Cell): number {
  const choice = values.indexOf(String(cell));
  if (choice < 0) throw new RangeError(`column ${name}: '${cell}' is none of its ${values.length} values`);
  return choice;
}

/**
 * The rows of a table that encoded examples stand for: of each choice the largest value counts, numbers are rounded as
 * the table writes them and kept within its range.
 * @param samples [n, rowWidth]
 */
export function tableRows({ data, shape }: HostTensor, columns: readonly TableColumn[]): Cell[][] {
  const spans = columnSpans(columns);
  const width = shape[1] ?? 0;
  return Array.from({ length: shape[0] ?? 0 }, (_, row) =>
    spans.map(({ column, scalar, start, choices }): Cell => {
      const base = row * width;
      let choice = 0;
      for (let k = 1; k < choices; k++)
        if (data[base + start + k]! > data[base + start + choice]!) choice = k;
      if (column.kind === 'category') {
        const value = column.values[choice]!;
        return column.numeric === true ? Number(value) : value;
      }
      return decodeNumber(column, choice, data[base + scalar!]!);
    }),
  );
}

function decodeNumber(
  { modes, range, decimals }: NumberColumn,
  choice: number,
  place: number,
): number | null {
  const mode = modes[choice];
  if (mode === undefined) return null;
  const value = Math.min(range[1], Math.max(range[0], mode.mean + deviations * mode.std * place));
  return decimals === undefined ? Number(value.toPrecision(6)) : Number(value.toFixed(decimals));
}

/** A cell as the table that the model was trained on writes it. */
export function cellText(cell: Cell, column: TableColumn): string {
  if (column.kind === 'category') {
    if (column.numeric !== true) return String(cell);
    return column.values.find((value) => Number(value) === cell) ?? String(cell);
  }
  if (cell === null) return column.missing ?? '';
  return column.decimals === undefined ? String(cell) : Number(cell).toFixed(column.decimals);
}

/** Names of columns as the first line of a CSV file (RFC 4180), with its end of line. */
export function csvHeader(columns: readonly TableColumn[]): string {
  return line(columns.map(({ name }) => name));
}

/** Rows as lines of a CSV file (RFC 4180: commas, numbers with a full stop), each with its end of line. */
export function csvLines(rows: readonly (readonly Cell[])[], columns: readonly TableColumn[]): string {
  return rows.map((row) => line(row.map((cell, at) => cellText(cell, columns[at]!)))).join('');
}

function line(fields: readonly string[]): string {
  // An empty line would be read as none.
  if (fields.length === 1 && fields[0] === '') return '""\n';
  return `${fields.map(quoted).join(',')}\n`;
}

function quoted(field: string): string {
  return /[",\r\n]|^[\s#]|\s$/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
