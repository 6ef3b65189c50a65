import type { Dataset } from '../data/dataset.ts';
import { initialState } from '../engine/initial-state.ts';
import { buildModel, familyNamed } from '../families/registry.ts';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';
import { stirredState } from './stirred-state.ts';
import { describeData } from './tiny-data.ts';

export { exportedSampler } from '../check/exported.ts';

/** A model whose state is random throughout. */
export async function stirredModel(
  family: string,
  options: Record<string, unknown>,
  dataset: Dataset,
  strength = 1,
): Promise<{ readonly model: Model; readonly state: HostState }> {
  const { model } = buildModel(familyNamed(family), options, describeData(dataset));
  const start = initialState(model, 11);
  const initialised = (await model.initialise?.(start, dataset, 11)) ?? start;
  return { model, state: stirredState(initialised, model, strength) };
}
