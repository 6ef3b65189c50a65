import { familyOf } from '../families/family-plugin.ts';
import { type BuiltModel, buildModel } from '../families/registry.ts';
import type { DataDescription } from '../model/family.ts';
import { trainingOptionsOf } from '../model/training-options.ts';
import type { RunSettings } from './settings.ts';

/**
 * The model of a run, by its settings.
 * @throws UserError when they do not fit the data or each other, or the module of the family is gone or has changed.
 */
export async function runModel(
  settings: Pick<RunSettings, 'family' | 'plugin' | 'options' | 'batchSize'> &
    Readonly<Record<string, unknown>>,
  data: DataDescription,
): Promise<BuiltModel> {
  const { options, batchSize } = settings;
  return buildModel(await familyOf(settings), options, data, trainingOptionsOf(settings), batchSize);
}
