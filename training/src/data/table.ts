import { UserError } from '@generatrix/runtime/core';
import { CsvError, parse } from 'csv-parse/sync';
import { firstLine, readBytes } from './files.ts';

/** How a table's text is read. */
export interface TableFormat {
  /** What stands between cells: `,` `;` `|` or a tab; found out from the first lines when absent. */
  readonly delimiter?: string | undefined;
  /** What stands before decimals; a full stop when absent. */
  readonly decimal?: '.' | ',' | undefined;
  /** Whether the first row names the columns; when absent or `auto`, it does when a cell of it is neither a number nor missing. */
  readonly header?: 'yes' | 'no' | 'auto' | undefined;
  /** What becomes of rows with missing values; refused when absent. */
  readonly missing?: 'refuse' | 'drop' | 'mean' | undefined;
  /** Name of the column that holds the class; without a header, its 0-based position. */
  readonly labelColumn?: string | undefined;
}

/** A table of numbers. */
export interface Table {
  readonly path: string;
  /** Names of the numeric columns; their 0-based position where they have none. */
  readonly columns: readonly string[];
  /** `[rows, columns]`; NaN where a value is missing. */
  readonly values: Float64Array;
  readonly rows: number;
  /** Columns with a whole number, by its text, that a float32 cannot hold exactly: the number and its line. */
  readonly inexact: ReadonlyMap<number, { readonly cell: string; readonly line: number }>;
  /** Class of each row; null without a label column. */
  readonly classes: readonly string[] | null;
  /** Rows that were left out because a value is missing. */
  readonly dropped: number;
}

/** A row of a table: its cells, and its line in the file. */
export interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

/** Cells, in lower case, that say that there is no value. */
const missingCells = new Set(['', 'na', 'n/a', 'nan', 'null', 'none', '?', '-']);
/** Decimal numbers as tables write them; not hexadecimal, not with separators of thousands. */
const numberPattern = /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/;
const delimiters = ['\t', ';', '|', ','] as const;
/** Characters of a file that the delimiter is told from. */
const looked = 64 * 1024;

/** A table as text. */
export interface TableCells {
  readonly path: string;
  /** Names of the columns; their 0-based position where they have none. */
  readonly names: readonly string[];
  /** At least one row. */
  readonly body: readonly Row[];
  readonly decimal: '.' | ',';
  readonly delimiter: string;
}

/**
 * Reads a table: UTF-8 or, with its byte order mark, UTF-16; lines that begin with # are comments. A last column without
 * name and values, which comes of lines that end with a delimiter, is left out.
 * @param purpose what the file is wanted for, such as `a table of numbers`
 * @throws UserError naming the file and what cannot be read.
 */
export async function readCells(path: string, format: TableFormat, purpose: string): Promise<TableCells> {
  const text = decodeText(await readBytes(path, purpose));
  const decimal = format.decimal ?? '.';
  if (text.slice(0, 1000).includes('\0')) {
    throw new UserError(`${path}: expected a table as text, found another kind of file; save it as CSV`);
  }
  const delimiter = format.delimiter ?? delimiterOf(text, decimal);
  const records = parseRecords(path, text, delimiter);
  const hasHeader = isHeader(path, records, format.header ?? 'auto', decimal);
  const body = hasHeader ? records.slice(1) : records;
  if (body.length === 0) {
    const what = purpose === numbersPurpose ? 'rows of numbers' : 'rows';
    throw new UserError(`${path}: expected ${what}, found ${hasHeader ? 'only a header' : 'none'}; add rows`);
  }
  const width = records[0]!.cells.length;
  const isBlank =
    width > 1 &&
    (!hasHeader || records[0]!.cells[width - 1] === '') &&
    body.every(({ cells }) => cells[width - 1] === '');
  const names = Array.from(
    { length: isBlank ? width - 1 : width },
    (_, at) => (hasHeader && records[0]!.cells[at]) || String(at),
  );
  return { path, names, body, decimal, delimiter };
}

const numbersPurpose = 'a table of numbers';

/**
 * Reads a table of numbers, as `readCells` reads it.
 * @throws UserError naming the file, the line and the column of what cannot be used, and the flag that helps.
 */
export async function readTable(path: string, format: TableFormat): Promise<Table> {
  const { names, body, decimal, delimiter } = await readCells(path, format, numbersPurpose);
  const labelAt = labelPosition(path, names, format.labelColumn);
  const kept = [...names.keys()].filter((at) => at !== labelAt);
  if (kept.length === 0)
    throw new UserError(`${path}: expected numeric columns, found only the label; add columns`);
  return numbersOf(path, body, {
    names,
    kept,
    labelAt,
    decimal,
    delimiter,
    missing: format.missing ?? 'refuse',
  });
}

interface Layout {
  readonly names: readonly string[];
  readonly kept: readonly number[];
  readonly labelAt: number;
  readonly decimal: string;
  readonly delimiter: string;
  readonly missing: 'refuse' | 'drop' | 'mean';
}

function numbersOf(path: string, body: readonly Row[], layout: Layout): Table {
  const { names, kept, labelAt, decimal, delimiter, missing } = layout;
  const values: number[] = [];
  const classes: string[] = [];
  const inexact = new Map<number, { cell: string; line: number }>();
  let dropped = 0;
  for (const { cells, line } of body) {
    const gap = [...kept, ...(labelAt < 0 ? [] : [labelAt])].find((at) => isMissing(cells[at]!));
    if (gap !== undefined && (missing === 'refuse' || (missing === 'mean' && gap === labelAt))) {
      throw new UserError(
        `${path}: expected a value in line ${line}, column ${names[gap]}, found ${quoted(cells[gap]!)}; ` +
          `mend it, or say --missing drop to leave such rows out${gap === labelAt ? '' : ' or --missing mean to fill them in'}`,
      );
    }
    if (gap !== undefined && missing === 'drop') {
      dropped++;
      continue;
    }
    for (const [column, at] of kept.entries()) {
      const cell = cells[at]!;
      const value = isMissing(cell) ? Number.NaN : numberOf(cell, decimal);
      if (value === null) throw notANumber(path, line, names[at]!, cell, { decimal, delimiter });
      if (/^[-+]?\d+$/.test(cell) && Math.fround(value) !== value && !inexact.has(column))
        inexact.set(column, { cell, line });
      values.push(value);
    }
    if (labelAt >= 0) classes.push(cells[labelAt]!);
  }
  const rows = values.length / kept.length;
  if (rows === 0) {
    throw new UserError(`${path}: expected rows without missing values, found none; say --missing mean`);
  }
  return {
    path,
    columns: kept.map((at) => names[at]!),
    values: Float64Array.from(values),
    rows,
    inexact,
    classes: labelAt < 0 ? null : classes,
    dropped,
  };
}

/** Where the column of the class stands; -1 when none is named. @throws UserError when it is not there, or twice */
export function labelPosition(path: string, names: readonly string[], label: string | undefined): number {
  if (label === undefined) return -1;
  const at = names.indexOf(label);
  if (at < 0) {
    throw new UserError(
      `${path}: expected a column ${label}, found ${names.join(', ')}; name one of these with --label-column`,
    );
  }
  if (names.lastIndexOf(label) !== at) {
    throw new UserError(`${path}: expected one column ${label}, found several; rename them`);
  }
  return at;
}

function notANumber(
  path: string,
  line: number,
  column: string,
  cell: string,
  { decimal, delimiter }: Pick<Layout, 'decimal' | 'delimiter'>,
): UserError {
  const other = decimal === '.' ? ',' : '.';
  const cure =
    numberOf(cell, other) === null || delimiter === other
      ? 'mend it, remove the column, or name it with --label-column'
      : `say --decimal "${other}", or mend it`;
  return new UserError(
    `${path}: expected a number in line ${line}, column ${column}, found ${quoted(cell)}; ${cure}`,
  );
}

/** The number that a cell holds, in double precision; null when it is none. */
export function numberOf(cell: string, decimal: string): number | null {
  const plain = decimal === '.' ? cell : cell.includes('.') ? 'x' : cell.replace(decimal, '.');
  if (!numberPattern.test(plain)) return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : null;
}

/** Does the cell say that there is no value? */
export function isMissing(cell: string): boolean {
  return missingCells.has(cell.toLowerCase());
}

function isHeader(
  path: string,
  records: readonly Row[],
  header: 'yes' | 'no' | 'auto',
  decimal: string,
): boolean {
  if (header !== 'auto' || records.length === 0) return header === 'yes';
  const isText = (cell: string) => !isMissing(cell) && numberOf(cell, decimal) === null;
  const [first, ...rest] = records.map(({ cells }) => cells);
  if (first!.every((cell) => isMissing(cell))) return true;
  if (first!.some(isText)) {
    // A first row of data may hold a class in words: then the rows below hold words in the same columns.
    const words = [...first!.keys()].filter((at) => isText(first![at]!));
    const numbers = first!.length - words.length;
    const alike = rest.length > 0 && rest.every((cells) => words.every((at) => isText(cells[at] ?? '')));
    return !(alike && numbers > 0);
  }
  if (looksNumbered(first!) && !rest.slice(0, 100).some(looksNumbered)) {
    throw new UserError(
      `${path}: expected a first row that is clearly names or clearly data, found ${first!.slice(0, 4).join(', ')}; ` +
        'say --header yes or --header no',
    );
  }
  return false;
}

/** Whole numbers that rise by one, such as years or positions: what columns are often named. */
function looksNumbered(cells: readonly string[]): boolean {
  if (cells.length < 2) return false;
  const numbers = cells.map(Number);
  const rising = numbers.every((value, at) => Number.isInteger(value) && value === numbers[0]! + at);
  const start = numbers[0]!;
  return rising && (start === 0 || (start >= 1900 && start <= 2100));
}

/** The delimiter by which the first lines have the same number of cells, most of them numbers; a comma if none. */
function delimiterOf(text: string, decimal: string): string {
  const cut = text.length > looked ? text.slice(0, text.lastIndexOf('\n', looked)) : text;
  let best: { delimiter: string; share: number } = { delimiter: ',', share: -1 };
  for (const delimiter of delimiters) {
    let rows: string[][];
    try {
      rows = (parse(cut, parserOptions(delimiter)) as unknown as { record: string[] }[]).map(
        ({ record }) => record,
      );
    } catch {
      continue; // Lines of unequal length: it is another delimiter.
    }
    if (rows.length === 0 || rows[0]!.length < 2) continue;
    const cells = rows.slice(0, 100).flat();
    const either = (cell: string) => numberOf(cell, decimal) ?? numberOf(cell, decimal === '.' ? ',' : '.');
    const share = cells.filter((cell) => isMissing(cell) || either(cell) !== null).length / cells.length;
    if (share > best.share) best = { delimiter, share };
  }
  return best.delimiter;
}

function parserOptions(delimiter: string) {
  return {
    bom: true,
    trim: true,
    skip_empty_lines: true,
    info: true,
    comment: '#',
    comment_no_infix: true,
    delimiter,
  } as const;
}

function parseRecords(path: string, text: string, delimiter: string): Row[] {
  try {
    const parsed = parse(text, parserOptions(delimiter)) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
    return parsed.map(({ record, info }) => ({ cells: record, line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UserError(
      `${path}: expected rows of equal length, found otherwise (${printable(firstLine(error))}); mend the line, or name what ` +
        'stands between cells with --delimiter',
    );
  }
}

function decodeText(bytes: Uint8Array): string {
  const mark = `${bytes[0]} ${bytes[1]}`;
  const encoding = mark === '255 254' ? 'utf-16le' : mark === '254 255' ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

/** Text without control characters, which a broken file may hold. */
function printable(text: string): string {
  return text.replace(/[^\P{C}]/gu, '?').slice(0, 160);
}

/** A cell for a message of one line. */
function quoted(cell: string): string {
  return JSON.stringify(cell.slice(0, 40));
}

/** Rows of a table with commas between cells, by the names in its first line. @throws CsvError */
export function csvRecords(text: string): Readonly<Record<string, string>>[] {
  return parse(text, { columns: true, bom: true, skip_empty_lines: true });
}
