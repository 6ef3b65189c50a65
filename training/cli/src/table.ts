import Table from 'cli-table3';

/** A cell: its text, or one that reaches over several columns. */
export type Cell = string | number | { readonly colSpan: number; readonly content: string };

/** A table for the terminal, without colours. @param wrap breaks long cells at words */
export function textTable(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  { wrap = false }: { readonly wrap?: boolean } = {},
): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] }, wordWrap: wrap });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}
