import type { DataSpec } from '@generatrix/runtime/core';
import type { Dataset } from '../data/dataset.ts';
import { formatNumber } from '../report/format-number.ts';

/** Examples that are looked at for the range of the values. */
const lookedAt = 1000;

/** A data set's parts in words, for a table: what it is, how much of it there is, what the values are like. */
export async function dataSummary(
  train: Dataset,
  validation: Dataset | null,
): Promise<Record<string, string>> {
  const count = (size: number) => size.toLocaleString('en');
  const { low, high } = await valueRange(train);
  const looked = Math.min(lookedAt, train.size);
  const whose = looked === train.size ? 'training examples' : `first ${count(looked)} training examples`;
  return {
    name: train.name,
    'training examples': count(train.size),
    'validation examples': validation === null ? 'none' : count(validation.size),
    'an example': describeSpec(train.spec),
    ...('range' in train.spec
      ? { 'range of the values': train.spec.range.map(formatNumber).join(' to ') }
      : {}),
    [`values of the ${whose}`]: `${formatNumber(low)} to ${formatNumber(high)}`,
    classes: classCounts(train),
  };
}

function describeSpec(spec: DataSpec): string {
  const { shape } = spec;
  switch (spec.kind) {
    case 'image':
      return `an image of ${shape[0]} x ${shape[1]} pixels (height x width), ${shape[2] === 1 ? 'grey' : 'colour'}`;
    case 'audio':
      return `a sound of ${shape[0]} values at ${spec.sampleRate} Hz, ${formatNumber(shape[0]! / spec.sampleRate)} s`;
    case 'points':
      return `a row of ${shape[0]} numbers`;
  }
}

async function valueRange(dataset: Dataset): Promise<{ low: number; high: number }> {
  const indices = Int32Array.from({ length: Math.min(lookedAt, dataset.size) }, (_, i) => i);
  let [low, high] = [Infinity, -Infinity];
  for (const value of (await dataset.gather(indices)).data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

/** The classes with their numbers of training examples; the smallest and the largest where there are many. */
function classCounts({ labels, classNames }: Dataset): string {
  if (labels === null || classNames.length === 0) return 'none';
  const counts = new Int32Array(classNames.length);
  for (const label of labels) counts[label]!++;
  if (classNames.length <= 20) return classNames.map((name, k) => `${name} (${counts[k]})`).join(', ');
  return `${classNames.length}, of ${Math.min(...counts)} to ${Math.max(...counts)} examples each`;
}
