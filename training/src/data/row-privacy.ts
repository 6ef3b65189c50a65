import { type Cell, cellText, type TableColumn } from '@generatrix/runtime/core';

/** How near synthetic rows are to those that they were learned from. */
export interface RowPrivacy {
  /** Synthetic rows, as they are written, that are also a training row. */
  readonly copies: number;
  /** Synthetic rows that are also a held-out row: how often rows agree by chance. Null without held-out rows. */
  readonly chanceCopies: number | null;
  /** Synthetic rows that the distances are of: some, where there are many. */
  readonly looked: number;
  /** Median distance of a synthetic row to the closest training row. */
  readonly toTraining: number;
  /** Median distance of a synthetic row to the closest held-out row, and of a held-out row to the closest training row. */
  readonly toHeldOut: number | null;
  readonly heldOutToTraining: number | null;
  /**
   * Share of the synthetic rows that are closer to a training row than to any of as many held-out rows: a half where the
   * model remembers none.
   */
  readonly closerToTraining: number | null;
}

/** Rows whose distances are looked at; each is compared with all rows of the other side. */
const mostLooked = 1000;

type Rows = readonly (readonly Cell[])[];

/**
 * Compares synthetic rows with those of training and held-out ones. The distance is Gower's (1971), the mean over columns of
 * the difference of numbers over the range of the training rows, at most 1, and of 0 or 1 for categories and missing
 * values.
 */
export function rowPrivacy(
  {
    synthetic,
    training,
    heldOut,
  }: { readonly synthetic: Rows; readonly training: Rows; readonly heldOut: Rows },
  columns: readonly TableColumn[],
): RowPrivacy {
  const key = (row: readonly Cell[]) => row.map((cell, at) => cellText(cell, columns[at]!)).join('\u001f');
  const copiesOf = (rows: Rows) => {
    const keys = new Set(rows.map(key));
    return synthetic.filter((row) => keys.has(key(row))).length;
  };
  const every = Math.max(1, Math.ceil(synthetic.length / mostLooked));
  const looked = synthetic.filter((_, i) => i % every === 0);
  const toTraining = nearestDistances(looked, training, columns);
  const plain = { copies: copiesOf(training), looked: looked.length, toTraining: median(toTraining) };
  if (heldOut.length === 0)
    return { ...plain, chanceCopies: null, toHeldOut: null, heldOutToTraining: null, closerToTraining: null };
  // Among more rows one is closer by chance: as many training rows as held-out ones, evenly spread.
  const equal = Array.from(
    { length: Math.min(heldOut.length, training.length) },
    (_, i, of = Math.min(heldOut.length, training.length)) =>
      training[Math.floor((i * training.length) / of)]!,
  );
  const toSome = nearestDistances(looked, equal, columns);
  const toHeldOut = nearestDistances(looked, heldOut, columns);
  const closer = toSome.reduce(
    (sum, distance, i) => sum + (distance < toHeldOut[i]! ? 1 : distance === toHeldOut[i] ? 0.5 : 0),
    0,
  );
  return {
    ...plain,
    chanceCopies: copiesOf(heldOut),
    toHeldOut: median(toHeldOut),
    heldOutToTraining: median(nearestDistances(heldOut.slice(0, mostLooked), training, columns)),
    closerToTraining: closer / looked.length,
  };
}

/** Gower's distance of each row to the closest of the others. */
export function nearestDistances(rows: Rows, others: Rows, columns: readonly TableColumn[]): Float64Array {
  const spans = columns.map((column) =>
    column.kind === 'number' ? column.range[1] - column.range[0] || 1 : 1,
  );
  return Float64Array.from(rows, (row) => {
    let least = Number.POSITIVE_INFINITY;
    for (const other of others) {
      let sum = 0;
      for (const [at, span] of spans.entries()) {
        const [a, b] = [row[at]!, other[at]!];
        if (typeof a === 'number' && typeof b === 'number') sum += Math.min(1, Math.abs(a - b) / span);
        // Categories of numbers are read as text, and drawn as numbers.
        else if (a !== b && String(a) !== String(b)) sum += 1;
      }
      if (sum < least) least = sum;
    }
    return least / columns.length;
  });
}

function median(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
