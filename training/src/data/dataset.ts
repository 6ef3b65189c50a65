import { allocate, type DataSpec, type FieldSpec, type HostTensor } from '@generatrix/runtime/core';

/**
 * Parts of a data set. A model learns from `train`; settings, the best checkpoint and early stopping are chosen by
 * `validation`; `test` is for the figures that are reported, and for nothing else.
 */
export const splits = ['train', 'validation', 'test'] as const;
export type Split = (typeof splits)[number];

/**
 * How parts are drawn: by a hash of each example, or by a seeded permutation of positions, which is how runs split
 * before the rule was recorded.
 */
export type SplitRule = 'hash' | 'permutation';

/** Something that a data set holds of each example besides: a caption's tokens, a mask, an image of lower resolution. */
export interface DataField {
  readonly spec: FieldSpec;
  /** Its values for the examples at these indices, [n, ...spec.shape]. */
  gather(indices: ArrayLike<number>): Promise<HostTensor>;
}

/** Something that examples were drawn from, known because they were drawn: a class, or a quantity. */
export interface DataFactor {
  readonly name: string;
  /** Number of classes, whose indices are the values; absent for a quantity. */
  readonly classes?: number;
  /** Its value for the example at an index. */
  of(index: number): number;
}

/** Examples that a model is trained or judged on. */
export interface Dataset {
  readonly name: string;
  readonly split: Split;
  readonly spec: DataSpec;
  /** Number of examples. */
  readonly size: number;
  /** Class index of each example, or null when the data has no labels. */
  readonly labels: Int32Array | null;
  /** Name of each class; empty when the data has no labels. Both splits of one data set agree on it. */
  readonly classNames: readonly string[];
  /** What there is of each example besides, by name; models may be given it as a condition. */
  readonly fields?: Readonly<Record<string, DataField>>;
  /** What each example was drawn from, where that is known: evaluations compare codes with it, no model sees it. */
  readonly drawnFrom?: readonly DataFactor[];
  /** What was left out or changed while it was read, for the line that says what was loaded. */
  readonly notes?: readonly string[];
  /**
   * Copies out the examples at these indices as float32 `[n, ...spec.shape]`, in the data set's own range.
   * @throws RangeError when an index is not an integer in `[0, size)`.
   */
  gather(indices: ArrayLike<number>): Promise<HostTensor>;
}

/** Which data to load, and how. Options that the named data set does not read are refused, not ignored. */
export interface DatasetRequest {
  /** A name of `datasetCatalogue`, or one of its aliases. */
  readonly name: string;
  readonly split: Split;
  /** Folder or file that holds the data, for the data sets that need one. */
  readonly dir?: string;
  /** Seed of the procedural data sets; 0 when absent. Data read from files does not depend on it. */
  readonly seed?: number;
  /** Number of examples: exactly that many drawn, or at most that many of those on disk (a seeded subset). */
  readonly size?: number;
  /**
   * Salt of the hash by which files that come without a validation or a test part are split, and `size` takes a
   * subset; 0 when absent. It is not the run's seed, so that a model evaluated under another seed has never seen the
   * held-out parts.
   */
  readonly splitSeed?: number;
  /** How files are split: by hash when absent, or as runs did before they recorded the rule. */
  readonly splitRule?: SplitRule;
  /** [height, width] in pixels that images are resized to. */
  readonly imageSize?: readonly [number, number];
  readonly channels?: 1 | 3;
  /** Bytes of values that are held in memory; what is beyond is read as it is needed. 256 MiB when absent. */
  readonly cacheBytes?: number;
  /** Samples per second that audio is resampled to. */
  readonly sampleRate?: number;
  /** Length of an audio clip in seconds. */
  readonly clipSeconds?: number;
  /** Name (or, in a table without header, 0-based position) of the column that holds the class. */
  readonly labelColumn?: string;
  /** What stands between the cells of a table: found out when absent. */
  readonly delimiter?: string;
  /** What stands before decimals in a table; a full stop when absent. */
  readonly decimal?: '.' | ',';
  /** Whether the first row of a table names its columns; `auto` when absent. */
  readonly header?: 'yes' | 'no' | 'auto';
  /** What becomes of a table's rows with missing values; refused when absent. */
  readonly missing?: 'refuse' | 'drop' | 'mean';
  /** Whether columns are brought to mean 0 and standard deviation 1; not when absent. */
  readonly standardise?: 'yes' | 'no';
  /** Names, separated by commas, of columns of a table that are left out. */
  readonly dropColumns?: string;
  /** Module that defines the data set, where it is the user's own: an absolute path. */
  readonly plugin?: string;
  /** Options of a data set of the user's. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Everything in a data set but the values themselves. */
export type DatasetFields = Omit<Dataset, 'gather'>;

/** Data held as one byte per value, scaled to [0, 1] at gather: `values` is `[size, ...spec.shape]`. */
export function byteDataset(fields: DatasetFields, values: Uint8Array): Dataset {
  return gatherable(fields, values, 1 / 255);
}

/** Data held as floats, in its own range: `values` is `[size, ...spec.shape]`. */
export function floatDataset(fields: DatasetFields, values: Float32Array): Dataset {
  return gatherable(fields, values, 1);
}

function gatherable(fields: DatasetFields, values: Uint8Array | Float32Array, scale: number): Dataset {
  const width = fields.spec.shape.reduce((product, dim) => product * dim, 1);
  if (values.length !== fields.size * width) {
    throw new Error(
      `data set ${fields.name}: ${fields.size} examples of shape [${fields.spec.shape}] need ` +
        `${fields.size * width} values, got ${values.length}`,
    );
  }
  return {
    ...fields,
    async gather(indices) {
      checkIndices(fields.name, indices, fields.size);
      const out = new Float32Array(indices.length * width);
      for (let row = 0; row < indices.length; row++) {
        const from = indices[row]! * width;
        const to = row * width;
        for (let k = 0; k < width; k++) out[to + k] = values[from + k]! * scale;
      }
      return { dtype: 'float32', shape: [indices.length, ...fields.spec.shape], data: out };
    },
  };
}

/** A field held as one array, `values` [size, ...spec.shape]. */
export function fieldOf(name: string, spec: FieldSpec, values: Float32Array | Int32Array): DataField {
  const width = spec.shape.reduce((product, dim) => product * dim, 1);
  const size = values.length / width;
  if (!Number.isInteger(size))
    throw new Error(`field ${name}: ${values.length} values are no whole number of [${spec.shape}]`);
  return {
    spec,
    async gather(indices) {
      checkIndices(name, indices, size);
      const out = allocate(spec.dtype, indices.length * width);
      for (let row = 0; row < indices.length; row++) {
        const at = indices[row]! * width;
        out.set(values.subarray(at, at + width), row * width);
      }
      return { dtype: spec.dtype, shape: [indices.length, ...spec.shape], data: out } as HostTensor;
    },
  };
}

/** @throws RangeError naming the first index that is not an integer in `[0, size)`. */
export function checkIndices(name: string, indices: ArrayLike<number>, size: number): void {
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row]!;
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(`data set ${name}: index ${index} is outside its ${size} examples`);
    }
  }
}

/** All indices of a data set. */
export function everyIndex({ size }: Pick<Dataset, 'size'>): Int32Array {
  return Int32Array.from({ length: size }, (_, i) => i);
}

/** Share of the examples that each class has, or undefined for data without labels. */
export function classFrequencies({
  labels,
  classNames,
  size,
}: Pick<Dataset, 'labels' | 'classNames' | 'size'>): readonly number[] | undefined {
  if (labels === null || size === 0) return undefined;
  const counts = new Array<number>(classNames.length).fill(0);
  for (const label of labels) counts[label] = counts[label]! + 1;
  return counts.map((count) => count / size);
}

/** Some of a data set's examples as a data set of their own, in the order of these indices; values are not copied. */
export function partOf(dataset: Dataset, indices: Int32Array): Dataset {
  const { labels, fields, drawnFrom } = dataset;
  const original = (some: ArrayLike<number>) =>
    Int32Array.from(some, (at) => originalOf(dataset, indices, at));
  return {
    ...dataset,
    ...(fields && {
      fields: Object.fromEntries(
        Object.entries(fields).map(([name, { spec, gather }]) => [
          name,
          { spec, gather: async (some: ArrayLike<number>) => gather(original(some)) },
        ]),
      ),
    }),
    ...(drawnFrom && {
      drawnFrom: drawnFrom.map((factor) => ({
        ...factor,
        of: (at: number) => factor.of(originalOf(dataset, indices, at)),
      })),
    }),
    size: indices.length,
    labels: labels === null ? null : indices.map((index) => labels[index]!),
    gather: async (some) => dataset.gather(original(some)),
  };
}

function originalOf({ name }: Dataset, indices: Int32Array, at: number): number {
  const index = indices[at];
  if (index !== undefined) return index;
  throw new RangeError(`data set ${name}: index ${at} is outside its ${indices.length} examples`);
}
