import { sizeOf } from '@generatrix/runtime/core';
import type { Dataset } from '../../data/dataset.ts';
import type { Preprocessing } from './flow-data.ts';

/** Examples that the start is computed on. */
const largestSample = 4000;

/** Mean and variance of each entry of the preprocessed data, row by row as the data lies. */
export interface Moments {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

/** Moments of a sample spread over the data set, with the variance that dequantisation adds. */
export async function momentsOf(dataset: Dataset, preprocessing: Preprocessing): Promise<Moments> {
  const dimensions = sizeOf(dataset.spec.shape);
  const count = Math.min(dataset.size, largestSample);
  const stride = dataset.size / count;
  const { data } = await dataset.gather(Array.from({ length: count }, (_, i) => Math.floor(i * stride)));
  const mapped = Array.from(data, (value) => preprocessing.moments(value));
  const mean = new Float64Array(dimensions);
  const variance = new Float64Array(dimensions);
  for (const [i, entry] of mapped.entries()) mean[i % dimensions]! += entry.mean / count;
  for (const [i, entry] of mapped.entries()) {
    variance[i % dimensions]! += ((entry.mean - mean[i % dimensions]!) ** 2 + entry.variance) / count;
  }
  return { mean, variance };
}

/** Moments of the entries that share an index of the last axis, such as an image's channel. */
export function pooled({ mean, variance }: Moments, width: number): Moments {
  const positions = mean.length / width;
  const means = new Float64Array(width);
  const variances = new Float64Array(width);
  for (const [i, value] of mean.entries()) means[i % width]! += value / positions;
  for (const [i, value] of mean.entries()) {
    variances[i % width]! += ((value - means[i % width]!) ** 2 + variance[i]!) / positions;
  }
  return { mean: means, variance: variances };
}

/**
 * -log of the deviations, so that exp of it makes them 1, times `deviation` of the prior. Constant entries, whose
 * deviation is 0, count as of deviation 1e-3.
 */
export function unitLogScale(variance: Float64Array, deviation = 1): Float64Array {
  return variance.map((value) => Math.log(deviation) - 0.5 * Math.log(Math.max(value, 1e-6)));
}
