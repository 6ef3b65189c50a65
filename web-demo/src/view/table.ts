import { cellText, hostTensor, rowWidth, type TableColumn, tableRows } from '@generatrix/runtime/core';

/** Rows and columns of a picture; a page shows more of them as a table. */
const mostRows = 16;
const mostColumns = 8;
const lineHeight = 22;

/** Samples as rows of text, one for each column. @param data samples [n, rowWidth], row-major */
export function textRows(data: ArrayLike<number>, columns: readonly TableColumn[]): string[][] {
  const width = rowWidth(columns);
  const count = Math.floor(data.length / width);
  const values = Float32Array.from({ length: count * width }, (_, i) => data[i]!);
  const rows = tableRows(hostTensor('float32', [count, width], values), columns);
  return rows.map((row) => row.map((cell, at) => cellText(cell, columns[at]!)));
}

/**
 * The first rows and columns of a table as text on a canvas, whose height they decide.
 * @param data samples [n, rowWidth], row-major
 * @param ratio canvas pixels of a pixel of the page
 */
export function drawTable(
  context: CanvasRenderingContext2D,
  data: ArrayLike<number>,
  columns: readonly TableColumn[],
  colours: { readonly text: string; readonly axis: string },
  ratio: number,
): void {
  const { canvas } = context;
  const shown = columns.slice(0, mostColumns);
  const rows = textRows(data, columns).slice(0, mostRows);
  const lines = [shown.map(({ name }) => name), ...rows.map((row) => row.slice(0, mostColumns))];
  canvas.height = Math.round((lines.length * lineHeight + 6) * ratio);
  const each = canvas.width / shown.length;
  context.textBaseline = 'middle';
  context.fillStyle = colours.text;
  for (const [row, cells] of lines.entries()) {
    context.font = `${row === 0 ? 'bold ' : ''}${12 * ratio}px system-ui, sans-serif`;
    for (const [at, cell] of cells.entries()) {
      // A wide cell becomes narrow rather than running into the next.
      context.fillText(cell, at * each + 4 * ratio, (row + 0.5) * lineHeight * ratio, each - 8 * ratio);
    }
  }
  context.strokeStyle = colours.axis;
  context.strokeRect(0, lineHeight * ratio, canvas.width, 0);
}
