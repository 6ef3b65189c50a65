import { type DataSpec, type HostTensor, hostTensor } from '@generatrix/runtime/core';
import { encodePng, imageGrid } from '@generatrix/runtime/media';
import type { Gallery } from './report-gallery.ts';

/** Filters that are shown at most. */
const shown = 100;

/** Filters in the order of their length, each divided by its own largest weight. */
export interface SortedFilters {
  /** [n, ...shape], in [-1, 1]. */
  readonly filters: HostTensor;
  /** Euclidean length of each before it was divided. */
  readonly norms: readonly number[];
}

/**
 * The weights between the values of an example and each unit of the layer next to it, longest first, as examples.
 * @param weights [values, units]
 * @param shape of an example, whose values are as many as the rows
 * @param limit units that are kept
 */
export function sortedFilters(
  { shape: [values = 0, units = 0], data }: HostTensor,
  shape: readonly number[],
  limit: number,
): SortedFilters {
  const columns = Array.from({ length: units }, (_, unit) => {
    const filter = Float32Array.from({ length: values }, (_, i) => data[i * units + unit]!);
    return { filter, norm: Math.sqrt(filter.reduce((sum, weight) => sum + weight * weight, 0)) };
  });
  const kept = columns.toSorted((a, b) => b.norm - a.norm).slice(0, limit);
  const scaled = new Float32Array(kept.length * values);
  for (const [index, { filter }] of kept.entries()) {
    const largest = filter.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0) || 1;
    scaled.set(
      filter.map((weight) => weight / largest),
      index * values,
    );
  }
  return {
    filters: hostTensor('float32', [kept.length, ...shape], scaled),
    norms: kept.map(({ norm }) => norm),
  };
}

/** The filters of a model as a picture; nothing where its data are no images that can be shown. */
export async function filterGalleries(weights: HostTensor, spec: DataSpec): Promise<Gallery[]> {
  if (spec.kind !== 'image' || (spec.shape[2] !== 1 && spec.shape[2] !== 3)) return [];
  const units = weights.shape[1]!;
  const { filters, norms } = sortedFilters(weights, spec.shape, shown);
  const png = await encodePng(imageGrid(filters, { range: [-1, 1], padding: 1, scale: 2 }));
  const lengths = `lengths ${norms[0]!.toPrecision(3)} to ${norms.at(-1)!.toPrecision(3)}`;
  return [
    {
      title: 'Filters',
      text: `Weights between the data and ${norms.length} of the ${units} units of the first layer, the longest first; grey is 0, and each has a scale of its own.`,
      figures: [{ caption: `Filters of the first layer, ${lengths}`, png }],
    },
  ];
}
