import type { Dataset } from './dataset.ts';

/** Some of a data set's examples as a data set of their own, in the order of these indices; values are not copied. */
export function partOf(dataset: Dataset, indices: Int32Array): Dataset {
  const { labels } = dataset;
  return {
    ...dataset,
    size: indices.length,
    labels: labels === null ? null : indices.map((index) => labels[index]!),
    gather: async (some) => dataset.gather(Int32Array.from(some, (at) => originalOf(dataset, indices, at))),
  };
}

function originalOf({ name }: Dataset, indices: Int32Array, at: number): number {
  const index = indices[at];
  if (index !== undefined) return index;
  throw new RangeError(`data set ${name}: index ${at} is outside its ${indices.length} examples`);
}
