/** A normal distribution of a mixture, and its share. */
export interface TableMode {
  readonly mean: number;
  readonly std: number;
  readonly weight: number;
}

/** A column of numbers, each encoded by the mode that it most likely belongs to and its place within the mode. */
export interface NumberColumn {
  readonly kind: 'number';
  readonly name: string;
  /** At least one. */
  readonly modes: readonly TableMode[];
  /** Of the training rows; what is drawn stays between. */
  readonly range: readonly [number, number];
  /** Digits after the point that numbers are rounded to, 0 for whole numbers; six digits in all when absent. */
  readonly decimals?: number | undefined;
  /** How the table writes a missing value; absent where the column has none. */
  readonly missing?: string | undefined;
}

/** A column of few distinct values. */
export interface CategoryColumn {
  readonly kind: 'category';
  readonly name: string;
  /** As the table writes them. At least one. */
  readonly values: readonly string[];
  /** Whether the values are numbers. */
  readonly numeric?: boolean | undefined;
  /** Whether the column is the class of a row, whose index is that of its value. */
  readonly label?: boolean | undefined;
}

/** A column of a table whose rows are examples: how its cells become numbers, and numbers cells. */
export type TableColumn = NumberColumn | CategoryColumn;

/** Where a column lies in an encoded row. */
export interface ColumnSpan {
  readonly column: TableColumn;
  /** The place within the mode, of a column of numbers. */
  readonly scalar?: number;
  /** A 1 at one of these, 0 at the others: the mode, missing values last, or the category. */
  readonly start: number;
  readonly choices: number;
}

/**
 * Where columns lie in an encoded row, one after another: of numbers the place within the mode, then the mode; of
 * categories the category (Xu et al. 2019, arXiv:1907.00503, section 4.2).
 */
export function columnSpans(columns: readonly TableColumn[]): ColumnSpan[] {
  let at = 0;
  return columns.map((column) => {
    const isNumber = column.kind === 'number';
    const scalar = isNumber ? { scalar: at++ } : {};
    const choices = isNumber
      ? column.modes.length + (column.missing === undefined ? 0 : 1)
      : column.values.length;
    const span = { column, ...scalar, start: at, choices };
    at += choices;
    return span;
  });
}

/** Values of an encoded row. */
export function rowWidth(columns: readonly TableColumn[]): number {
  const last = columnSpans(columns).at(-1);
  return last === undefined ? 0 : last.start + last.choices;
}
