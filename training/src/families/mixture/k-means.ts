import { randomStream, sizeOf, UserError } from '@generatrix/runtime/core';
import type { Dataset } from '../../data/dataset.ts';

/** Examples that the start is computed on; more would cost time and change little. */
const largestSample = 4000;
const lloydIterations = 10;

/** Where a mixture starts: the weight, centre and axis variances of each cluster, row by row. */
export interface ClusterStart {
  readonly weights: Float64Array; // [k]
  readonly means: Float64Array; // [k * d]
  readonly variances: Float64Array; // [k * d]
}

/**
 * Clusters a sample of the data: k-means++ seeding (Arthur and Vassilvitskii 2007, section 2.2), then a few
 * iterations of Lloyd's algorithm. The same seed gives the same start.
 */
export async function clusterStart(dataset: Dataset, clusters: number, seed: number): Promise<ClusterStart> {
  const random = randomStream(seed, 'k-means++');
  const dimensions = sizeOf(dataset.spec.shape);
  const count = Math.min(dataset.size, Math.max(largestSample, clusters));
  if (count < clusters) {
    throw new UserError(
      `--components ${clusters}: each starts at an example of its own, and the data has ${count}; say at most ${count}`,
    );
  }
  const stride = dataset.size / count;
  const data = (await dataset.gather(Array.from({ length: count }, (_, i) => Math.floor(i * stride)))).data;
  const points = Float64Array.from(data);
  const means = seedCentres(points, count, dimensions, clusters, () => random.nextUniform());
  const owner = new Int32Array(count);
  for (let i = 0; i < lloydIterations; i++) {
    assign(points, means, owner, dimensions, clusters);
    recentre(points, means, owner, dimensions, clusters);
  }
  assign(points, means, owner, dimensions, clusters);
  return { means, ...spread(points, means, owner, dimensions, clusters) };
}

function squaredDistance(
  points: Float64Array,
  i: number,
  centres: Float64Array,
  c: number,
  dimensions: number,
): number {
  let sum = 0;
  for (let axis = 0; axis < dimensions; axis++) {
    const difference = points[i * dimensions + axis]! - centres[c * dimensions + axis]!;
    sum += difference * difference;
  }
  return sum;
}

/** Each next centre is a point drawn with probability proportional to its squared distance from the centres so far. */
function seedCentres(
  points: Float64Array,
  count: number,
  dimensions: number,
  clusters: number,
  uniform: () => number,
): Float64Array {
  const centres = new Float64Array(clusters * dimensions);
  const nearest = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  let chosen = Math.min(count - 1, Math.floor(uniform() * count));
  for (let c = 0; c < clusters; c++) {
    centres.set(points.subarray(chosen * dimensions, (chosen + 1) * dimensions), c * dimensions);
    let total = 0;
    for (let i = 0; i < count; i++) {
      nearest[i] = Math.min(nearest[i]!, squaredDistance(points, i, centres, c, dimensions));
      total += nearest[i]!;
    }
    let left = uniform() * total;
    chosen = nearest.findIndex((distance) => {
      left -= distance;
      return left < 0;
    });
    if (chosen < 0) chosen = count - 1;
  }
  return centres;
}

function assign(
  points: Float64Array,
  means: Float64Array,
  owner: Int32Array,
  dimensions: number,
  clusters: number,
): void {
  for (let i = 0; i < owner.length; i++) {
    let best = Number.POSITIVE_INFINITY;
    for (let c = 0; c < clusters; c++) {
      const distance = squaredDistance(points, i, means, c, dimensions);
      if (distance < best) {
        best = distance;
        owner[i] = c;
      }
    }
  }
}

/** Moves each centre to the mean of its points; one without points stays where it is. */
function recentre(
  points: Float64Array,
  means: Float64Array,
  owner: Int32Array,
  dimensions: number,
  clusters: number,
): void {
  const sums = new Float64Array(means.length);
  const counts = new Float64Array(clusters);
  for (const [i, c] of owner.entries()) {
    counts[c]!++;
    for (let axis = 0; axis < dimensions; axis++)
      sums[c * dimensions + axis]! += points[i * dimensions + axis]!;
  }
  for (let i = 0; i < means.length; i++) {
    const n = counts[Math.floor(i / dimensions)]!;
    if (n > 0) means[i] = sums[i]! / n;
  }
}

/** Weights and variances of the clusters; a cluster of one point takes the overall variance to start from. */
function spread(
  points: Float64Array,
  means: Float64Array,
  owner: Int32Array,
  dimensions: number,
  clusters: number,
) {
  const variances = new Float64Array(means.length);
  const overall = new Float64Array(dimensions);
  const counts = new Float64Array(clusters);
  for (const [i, c] of owner.entries()) {
    counts[c]!++;
    for (let axis = 0; axis < dimensions; axis++) {
      const difference = points[i * dimensions + axis]! - means[c * dimensions + axis]!;
      variances[c * dimensions + axis]! += difference * difference;
      overall[axis]! += (difference * difference) / owner.length;
    }
  }
  for (let i = 0; i < variances.length; i++) {
    const n = counts[Math.floor(i / dimensions)]!;
    variances[i] = n > 1 ? variances[i]! / n : overall[i % dimensions]!;
  }
  const weights = counts.map((n) => Math.max(n, 0.5) / owner.length);
  const total = weights.reduce((a, b) => a + b, 0);
  return { variances, weights: weights.map((weight) => weight / total) };
}
