import { type BuiltModel, buildModel, familyNamed } from '../families/registry.ts';
import type { DataDescription } from '../model/family.ts';
import { trainingOptionsOf } from '../model/training-options.ts';
import type { RunSettings } from './settings.ts';

/** The model of a run, by its settings. @throws UserError when they do not fit the data or each other. */
export function runModel(
  settings: Pick<RunSettings, 'family' | 'options'> & Readonly<Record<string, unknown>>,
  data: DataDescription,
): BuiltModel {
  return buildModel(familyNamed(settings.family), settings.options, data, trainingOptionsOf(settings));
}
