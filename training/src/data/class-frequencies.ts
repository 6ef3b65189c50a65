import type { Dataset } from './dataset.ts';

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
