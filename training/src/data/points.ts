import { randomStream } from '@generatrix/runtime/core';
import { type Dataset, floatDataset, type Split } from './dataset.ts';
import { drawnSize } from './glyphs.ts';
import {
  type PointDistribution,
  type PointDistributionName,
  pointDistributions,
} from './point-distributions.ts';

export interface PointsOptions {
  readonly split: Split;
  /** 0 when absent. */
  readonly seed?: number;
  /** Number of points; 20,000 to train, 2,000 to validate and to test when absent. */
  readonly size?: number;
}

/**
 * Points `[2]` drawn from a distribution on the plane, labelled by the part of it they came from. The first points do
 * not depend on how many are drawn.
 */
export function points(
  name: PointDistributionName,
  { split, seed = 0, size = drawnSize[split] }: PointsOptions,
): Dataset {
  const distribution: PointDistribution = pointDistributions[name];
  const random = randomStream(seed, `${name}/${split}`);
  const values = new Float32Array(2 * size);
  const labels = new Int32Array(size);
  for (let row = 0; row < size; row++) {
    const [x, y, label] = distribution.draw(random);
    values[2 * row] = x;
    values[2 * row + 1] = y;
    labels[row] = label;
  }
  return floatDataset(
    { name, split, spec: { kind: 'points', shape: [2] }, size, labels, classNames: distribution.classNames },
    values,
  );
}
