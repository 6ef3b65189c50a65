import type { FamilyCase } from '../../testing/family-case.ts';
import { tinyPoints } from '../../testing/tiny-data.ts';

export const cases: readonly FamilyCase[] = [
  ...(['full', 'diagonal', 'spherical', 'tied'] as const).map((covariance) => ({
    name: `gmm, ${covariance}`,
    family: 'gmm',
    options: { components: 3, covariance },
    dataset: tinyPoints(44),
    batchSize: 16,
  })),
];
