import { type BuiltModel, buildModel, familyNamed } from '../families/registry.ts';
import type { DataDescription } from '../model/family.ts';
import { trainingOptionsOf } from '../model/training-options.ts';
import type { RunSettings } from './settings.ts';

/** The model of a run, by its settings. @throws UserError when they do not fit the data or each other. */
export function runModel(
  settings: Pick<RunSettings, 'family' | 'options' | 'batchSize'> & Readonly<Record<string, unknown>>,
  data: DataDescription,
): BuiltModel {
  const { family, options, batchSize } = settings;
  return buildModel(familyNamed(family), options, data, trainingOptionsOf(settings), batchSize);
}
