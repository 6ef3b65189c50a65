import type { Dataset } from '../data/dataset.ts';
import type { TrainingOptions } from '../model/training-options.ts';

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
