import { createHash } from 'node:crypto';
import { type HostTensor, sizeOf } from '@generatrix/runtime/core';
import type { Dataset } from './dataset.ts';

/** Examples and values of a part that are looked at, at most: they are held in memory meanwhile. */
const mostExamples = 10_000;
const mostValues = 2 ** 22;
/** Columns of a table that are summarised one by one, at most. */
const mostColumns = 20;
const bins = 10;
/** A validation part of fewer examples judges poorly. */
const fewExamples = 30;
/** A largest class of so many times the smallest is worth a word. */
const imbalanced = 10;

/** Moments and range of some values. */
export interface ValueSummary {
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  /** Standard deviation of the population. */
  readonly deviation: number;
}

/** What a part of a data set holds; but for `size` and `classCounts`, of the examples looked at. */
export interface PartInspection {
  readonly split: string;
  readonly size: number;
  /** Examples looked at, evenly spaced from the first to the last. */
  readonly looked: number;
  /** Examples of each class, over the whole part. */
  readonly classCounts: readonly number[];
  /** Examples whose values are those of an earlier one. */
  readonly duplicates: number;
  /** Examples whose values are those of a training example; 0 in the training part itself. */
  readonly inTraining: number;
}

export interface DataInspection {
  readonly parts: readonly PartInspection[];
  /** Values of the training examples looked at. */
  readonly values: ValueSummary;
  /** Share of the values at either end of the range, 0 to 1. */
  readonly atEnds: readonly [low: number, high: number];
  /** Ten bins of equal width over the range that the data declares, else over that of the values; counts. */
  readonly histogram: { readonly edges: readonly number[]; readonly counts: readonly number[] };
  /** Each column of a table; empty for other data and for wide tables. */
  readonly columns: readonly ValueSummary[];
  /** What may spoil training, in words. */
  readonly problems: readonly string[];
}

/**
 * Looks at up to 10,000 examples of each part (fewer where they are large), never at more.
 * @param datasets the parts of one data set, the training part first; none is empty
 */
export async function inspectData(datasets: readonly Dataset[]): Promise<DataInspection> {
  const [train] = datasets as [Dataset, ...Dataset[]];
  const parts: PartInspection[] = [];
  const seen = { train: new Set<string>() };
  const looked = await examplesOf(train);
  for (const dataset of datasets) {
    const { data, shape } = dataset === train ? looked : await examplesOf(dataset);
    const hashes = rowHashes(data as Float32Array, shape[0]!);
    const own = new Set(hashes);
    if (dataset === train) seen.train = own;
    parts.push({
      split: dataset.split,
      size: dataset.size,
      looked: hashes.length,
      classCounts: classCounts(dataset),
      duplicates: hashes.length - own.size,
      inTraining: dataset === train ? 0 : hashes.filter((hash) => seen.train.has(hash)).length,
    });
  }
  const values = looked.data as Float32Array;
  const { spec } = train;
  const summary = summarise(values, 0, 1);
  const width = sizeOf(spec.shape);
  const isTable = spec.kind === 'points' && width <= mostColumns;
  const columns = isTable
    ? Array.from({ length: width }, (_, column) => summarise(values, column, width))
    : [];
  const [low, high] = 'range' in spec ? spec.range : [summary.low, summary.high];
  const share = (end: number) => values.reduce((n, x) => n + (x === end ? 1 : 0), 0) / values.length;
  return {
    parts,
    values: summary,
    atEnds: [share(low), share(high)],
    histogram: histogramOf(values, low, high),
    columns,
    problems: problemsOf(train, parts, { values, summary, columns }),
  };
}

/** Up to `mostExamples` examples, evenly spaced from the first to the last. */
async function examplesOf(dataset: Dataset): Promise<HostTensor> {
  const { size, spec } = dataset;
  const most = Math.max(1, Math.floor(mostValues / sizeOf(spec.shape)));
  const taken = Math.min(size, mostExamples, most);
  const step = taken < 2 ? 0 : (size - 1) / (taken - 1);
  return dataset.gather(Int32Array.from({ length: taken }, (_, i) => Math.round(i * step)));
}

function rowHashes(values: Float32Array, count: number): string[] {
  const width = values.length / count;
  return Array.from({ length: count }, (_, row) => {
    const { buffer, byteOffset, byteLength } = values.subarray(row * width, (row + 1) * width);
    return createHash('sha256')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('base64');
  });
}

function classCounts({ labels, classNames }: Dataset): number[] {
  const counts = classNames.map(() => 0);
  for (const label of labels ?? []) counts[label]!++;
  return counts;
}

/** Range and moments of every `stride`-th value from `first` on, by Welford's recurrence. */
function summarise(values: Float32Array, first: number, stride: number): ValueSummary {
  let [low, high, mean, squares, count] = [Infinity, -Infinity, 0, 0, 0];
  for (let i = first; i < values.length; i += stride) {
    const value = values[i]!;
    low = Math.min(low, value);
    high = Math.max(high, value);
    const before = value - mean;
    mean += before / ++count;
    squares += before * (value - mean);
  }
  return { low, high, mean, deviation: Math.sqrt(squares / count) };
}

function histogramOf(values: Float32Array, low: number, high: number): DataInspection['histogram'] {
  const counts = new Array<number>(bins).fill(0);
  const scale = high > low ? bins / (high - low) : 0;
  for (const value of values) counts[Math.min(bins - 1, Math.max(0, Math.floor((value - low) * scale)))]!++;
  return { edges: Array.from({ length: bins + 1 }, (_, i) => low + (i * (high - low)) / bins), counts };
}

interface Looked {
  readonly values: Float32Array;
  readonly summary: ValueSummary;
  readonly columns: readonly ValueSummary[];
}

function problemsOf(train: Dataset, parts: readonly PartInspection[], looked: Looked): string[] {
  return [...valueProblems(train, looked), ...classProblems(train, parts[0]!), ...partProblems(parts)];
}

function valueProblems({ spec }: Dataset, { values, summary, columns }: Looked): string[] {
  if (summary.low === summary.high) return [`the data is constant: every value is ${summary.low}`];
  const problems = columns.flatMap(({ low, high }, column) =>
    low === high ? [`column ${column} (counted from 0, without the label's) is constant: ${low}`] : [],
  );
  if (spec.kind === 'image' && spec.shape[2] === 3 && isGrey(values))
    problems.push(
      'the images are grey though they have three channels; --channels 1 takes a third of the memory',
    );
  if (spec.kind === 'audio') problems.push(...soundProblems(values, spec.shape[0]));
  return problems;
}

function isGrey(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i += 3)
    if (values[i] !== values[i + 1] || values[i] !== values[i + 2]) return false;
  return true;
}

/** Clips without a sound, and clips that stay at full scale for three values in a row, as cut peaks do. */
function soundProblems(values: Float32Array, time: number): string[] {
  const clips = values.length / time;
  let [silent, clipped] = [0, 0];
  for (let clip = 0; clip < clips; clip++) {
    const wave = values.subarray(clip * time, (clip + 1) * time);
    const full = wave.map((x) => (Math.abs(x) >= 0.999 ? 1 : 0));
    if (wave.every((x) => Math.abs(x) < 1e-4)) silent++;
    if (full.some((x, t) => x + (full[t + 1] ?? 0) + (full[t + 2] ?? 0) === 3)) clipped++;
  }
  return [
    ...(silent > 0 ? [`${silent} of ${clips} clips are silent (below 1e-4 throughout)`] : []),
    ...(clipped > 0 ? [`${clipped} of ${clips} clips are cut off at full scale`] : []),
  ];
}

function classProblems({ classNames }: Dataset, { classCounts: counts }: PartInspection): string[] {
  if (classNames.length === 1) return [`there is one class only: ${classNames[0]}`];
  const absent = classNames.filter((_, k) => counts[k] === 0);
  const present = counts.filter((count) => count > 0);
  const [least, most] = [Math.min(...present), Math.max(...present)];
  return [
    ...(absent.length > 0 ? [`classes without a training example: ${absent.slice(0, 10).join(', ')}`] : []),
    ...(present.length > 1 && most >= imbalanced * least
      ? [`the classes are imbalanced: the largest has ${most} training examples, the smallest ${least}`]
      : []),
  ];
}

function partProblems(parts: readonly PartInspection[]): string[] {
  return parts.flatMap(({ split, size, looked, duplicates, inTraining }) => [
    ...(split === 'validation' && size < fewExamples
      ? [`the validation part has ${size} examples only: what it says of a model is uncertain`]
      : []),
    ...(duplicates > 0 ? [`${duplicates} of ${looked} ${split} examples repeat an earlier one exactly`] : []),
    ...(inTraining > 0 ? [`${inTraining} of ${looked} ${split} examples are training examples too`] : []),
  ]);
}
