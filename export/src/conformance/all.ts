import type { ConformanceCase } from './case.ts';
import { composedCases } from './composed.ts';
import { elementwiseCases } from './elementwise.ts';
import { spatialCases } from './spatial.ts';
import { structureCases } from './structure.ts';

/** Calls of every kernel that can be traced. Each writer must give the same as tfjs on all of them. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...elementwiseCases,
  ...structureCases,
  ...spatialCases,
  ...composedCases,
];
