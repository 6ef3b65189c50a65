import { sizeOf } from '@generatrix/runtime/core';
import { checkIndices, type Dataset, type DatasetFields } from './dataset.ts';
import { readRanges, type SeenFile } from './file-ranges.ts';

/** Rows of one length, one after another in a file. */
export interface RangedRows {
  readonly file: SeenFile;
  /** Bytes before the first row. */
  readonly offset: number;
  readonly rowBytes: number;
}

/**
 * Examples that stay in their file: what is gathered is read, and nothing is kept; the system keeps what it has room for.
 * @param chosen row of each example in the file
 * @param convert the values of one row from its bytes, in the data set's range
 */
export function rangedDataset(
  fields: DatasetFields,
  chosen: Int32Array,
  { file, offset, rowBytes }: RangedRows,
  convert: (bytes: Uint8Array) => ArrayLike<number>,
): Dataset {
  const width = sizeOf(fields.spec.shape);
  return {
    ...fields,
    async gather(indices) {
      checkIndices(fields.name, indices, fields.size);
      const ranges = Array.from(indices, (index) => ({
        offset: offset + chosen[index]! * rowBytes,
        length: rowBytes,
      }));
      const rows = await readRanges(file, ranges);
      const out = new Float32Array(indices.length * width);
      for (const [row, bytes] of rows.entries()) out.set(convert(bytes), row * width);
      return { dtype: 'float32', shape: [indices.length, ...fields.spec.shape], data: out };
    },
  };
}
