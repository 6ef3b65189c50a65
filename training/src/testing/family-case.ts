import type { Dataset } from '../data/dataset.ts';

/** A family with options small enough for the eager CPU engine, and data for it. */
export interface FamilyCase {
  readonly name: string;
  readonly family: string;
  readonly options: Record<string, unknown>;
  readonly dataset: Dataset;
  readonly batchSize: number;
}
