import { classFrequencies } from '../data/class-frequencies.ts';
import type { Dataset } from '../data/dataset.ts';
import type { DataDescription } from './family.ts';

/** What a family is told of a data set. */
export function dataDescription(dataset: Dataset): DataDescription {
  const frequencies = classFrequencies(dataset);
  return {
    spec: dataset.spec,
    classNames: dataset.classNames,
    ...(frequencies === undefined ? {} : { classFrequencies: frequencies }),
  };
}
