import type { Dataset } from '../data/dataset.ts';
import type { TrainingOptions } from '../model/training-options.ts';
import type { DensityCase } from './density-case.ts';

/** A family with options small enough for the eager CPU engine, and data for it. */
export interface FamilyCase {
  readonly name: string;
  readonly family: string;
  readonly options: Record<string, unknown>;
  /** How the step follows gradients, where it is not the family's way. */
  readonly training?: TrainingOptions;
  readonly dataset: Dataset;
  readonly batchSize: number;
}

/** What a file NAME.case.ts exports. */
export interface CaseFile {
  /** At least one, with options small enough for the eager CPU engine; the suites find them by their names. */
  readonly cases: readonly FamilyCase[];
  /** Models of few values, whose samples are compared with the density that they score. */
  readonly densities?: readonly DensityCase[];
}
