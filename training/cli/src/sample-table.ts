import {
  csvHeader,
  csvLines,
  type DataSpec,
  type Samples,
  type TableColumn,
  tableRows,
  UserError,
} from '@generatrix/runtime/core';
import { writeFileAtomic } from '@generatrix/training/files';

/** Rows drawn at a time. */
const chunkRows = 4096;

/** Whether `--out` is a table of rows. */
export function isTable({ out }: { readonly out: string }): boolean {
  return out.endsWith('.csv');
}

/** The columns that a model's samples are rows of. @throws UserError when they are none */
export function columnsOf(spec: DataSpec, out: string): readonly TableColumn[] {
  if (spec.kind === 'points' && spec.columns !== undefined) return spec.columns;
  throw new UserError(
    `--out ${out}: samples of ${spec.kind} are no rows of a table; write .csv of models of --data table`,
  );
}

/**
 * Writes samples as the rows of a CSV file while they are drawn, so that memory holds a part of them only.
 * @param draw draws `count` samples from the index `first` on; the seed of the first call is that of all
 * @param onRows told of each part's rows as they are written
 * @returns the seed
 */
export async function writeSampleTable(
  path: string,
  { count, columns }: { readonly count: number; readonly columns: readonly TableColumn[] },
  draw: (first: number, count: number, seed?: Samples['seed']) => Promise<Pick<Samples, 'seed' | 'data'>>,
  onRows: (rows: ReturnType<typeof tableRows>) => void = () => undefined,
): Promise<Samples['seed']> {
  let seed: Samples['seed'] | undefined;
  const encoder = new TextEncoder();
  async function* parts(): AsyncGenerator<Uint8Array> {
    yield encoder.encode(csvHeader(columns));
    for (let first = 0; first < count; first += chunkRows) {
      const drawn = await draw(first, Math.min(chunkRows, count - first), seed);
      seed = drawn.seed;
      const rows = tableRows(drawn.data, columns);
      onRows(rows);
      yield encoder.encode(csvLines(rows, columns));
    }
  }
  await writeFileAtomic(path, parts());
  return seed!;
}
