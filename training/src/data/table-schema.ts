import { type TableColumn, UserError } from '@generatrix/runtime/core';
import { sortedClasses } from './class-folders.ts';
import { mixtureModes } from './mixture-modes.ts';
import { isMissing, numberOf, type TableCells } from './table.ts';

/** A column of numbers with no more distinct values than this has them as categories: they are then kept exactly. */
const fewValues = 10;
/** Distinct texts of a column: more are no categories. */
const mostTexts = 200;
/** Texts that come fewer times than this on average are names or free text, however few. */
const leastRepeats = 1.5;
/** Digits after the point that are kept; a double has no more. */
const mostDecimals = 15;

/** A column with its cells as they are encoded. */
export interface SchemaColumn {
  readonly column: TableColumn;
  /** Position in the table. */
  readonly at: number;
}

/**
 * What the columns of a table hold, told from their cells: numbers (modes and range from the training rows alone), or
 * categories, which are those of all rows, so that held-out rows have none that is unknown.
 * @param tables those of all parts, of the same columns
 * @param trained rows of the first table that are trained on
 * @param labelAt position of the column of the class, which is one of categories whatever it holds; -1 for none
 * @throws UserError naming a column that can be neither.
 */
export function schemaOf(
  tables: readonly [TableCells, ...TableCells[]],
  trained: Int32Array,
  kept: readonly number[],
  labelAt: number,
): SchemaColumn[] {
  const [{ path, names, body, decimal }] = tables;
  const all = tables.flatMap((table) => table.body);
  return kept.map((at) => {
    const name = names[at]!;
    const cells = all.map((row) => row.cells[at]!);
    if (at === labelAt) return { at, column: categories(name, cells, decimal, true) };
    const present = cells.filter((cell) => !isMissing(cell));
    const numbers = present.map((cell) => numberOf(cell, decimal));
    if (present.length === 0 || numbers.includes(null)) {
      checkTexts(path, name, cells);
      return { at, column: categories(name, cells, decimal, false) };
    }
    const gaps = cells.filter(isMissing);
    const distinct = new Set(present);
    if (gaps.length === 0 && distinct.size <= fewValues)
      return { at, column: categories(name, cells, decimal, false) };
    const values = Array.from(trained, (row) => body[row]!.cells[at]!)
      .filter((cell) => !isMissing(cell))
      .map((cell) => numberOf(cell, decimal)!);
    if (values.length === 0) {
      throw new UserError(
        `${path}: expected numbers in column ${name} of the training rows, found none; leave it out with --drop-columns`,
      );
    }
    const places = decimalsOf(present, decimal);
    const range = [smallest(values), -smallest(values.map((x) => -x))] as const;
    return {
      at,
      column: {
        kind: 'number',
        name,
        modes: mixtureModes(values),
        range,
        ...(places === null ? {} : { decimals: places }),
        ...(gaps.length === 0 ? {} : { missing: mostFrequent(gaps) }),
      },
    };
  });
}

function categories(name: string, cells: readonly string[], decimal: '.' | ',', label: boolean): TableColumn {
  const values = sortedClasses(cells);
  // Texts such as 007 are no numbers to whoever reads the rows.
  const numeric = values.every((value) => {
    const number = decimal === '.' ? numberOf(value, decimal) : null;
    return number !== null && String(number).length <= value.length && !/^0\d/.test(value);
  });
  return { kind: 'category', name, values, ...(numeric && { numeric }), ...(label && { label }) };
}

/** Refuses texts that are no categories, but names, free text or times. */
function checkTexts(path: string, name: string, cells: readonly string[]): void {
  const distinct = new Set(cells);
  const few = distinct.size <= fewValues;
  if (few || (distinct.size <= mostTexts && cells.length / distinct.size >= leastRepeats)) return;
  const example = [...distinct].find((cell) => !isMissing(cell)) ?? '';
  const what = isTime(example)
    ? 'dates or times, which are not modelled: write them as numbers, such as the year or days since the first,'
    : 'names, identifiers or free text, which must not be copied into synthetic rows: put them in fewer classes,';
  throw new UserError(
    `${path}: expected numbers or at most ${mostTexts} categories in column ${name}, found ${distinct.size} different texts in ` +
      `${cells.length} rows, such as ${JSON.stringify(example.slice(0, 40))}; these look like ${what} or leave the column out ` +
      'with --drop-columns',
  );
}

function isTime(text: string): boolean {
  return /\d{4}-\d{1,2}-\d{1,2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{1,2}:\d{2}/.test(text);
}

/** Digits after the point that the numbers are written with; null where an exponent says that it is not their number. */
function decimalsOf(cells: readonly string[], decimal: string): number | null {
  let most = 0;
  for (const cell of cells) {
    if (/e/i.test(cell)) return null;
    const point = cell.indexOf(decimal);
    if (point >= 0) most = Math.max(most, cell.length - point - 1);
  }
  return Math.min(mostDecimals, most);
}

function mostFrequent(cells: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const cell of cells) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best))[0];
}

function smallest(values: readonly number[]): number {
  return values.reduce((low, x) => Math.min(low, x), Number.POSITIVE_INFINITY);
}
