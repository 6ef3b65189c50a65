import { packBundle, tf } from '@generatrix/export';
import { createExecutor, createSampler, openBundle, type Sampler } from '@generatrix/runtime';
import { classFrequencies, type Dataset } from '../data/dataset.ts';
import { initialState } from '../engine/initial-state.ts';
import { toTensor } from '../engine/tfjs-engine.ts';
import { buildModel, familyNamed } from '../families/registry.ts';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';
import { bindState } from '../run/export-run.ts';
import { stirredState } from './stirred-state.ts';
import { describeData, firstExamples } from './tiny-data.ts';

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

/** Exports the model to memory and loads the bundle on the CPU, as a user of the bundle would. Release it. */
export async function exportedSampler(model: Model, state: HostState, dataset: Dataset): Promise<Sampler> {
  await tf.setBackend('cpu');
  const tensors = Object.fromEntries(Object.entries(state).map(([name, x]) => [name, toTensor(x)]));
  const shares = classFrequencies(dataset);
  const frequencies = shares === undefined ? {} : { classFrequencies: shares };
  const files = await packBundle({
    about: {
      name: 'test',
      family: 'test',
      options: {},
      data: { ...dataset.spec, name: dataset.name, classNames: [...dataset.classNames], ...frequencies },
      provenance: {
        seed: 11,
        dataset: dataset.name,
        steps: 0,
        engine: 'none',
        metrics: {},
        generatrixVersion: '0.1.0',
      },
    },
    programs: bindState(model, tensors),
    formats: ['onnx'],
    examples: await firstExamples(dataset, 2),
  });
  tf.dispose(tensors);
  const bundle = await openBundle({ describe: () => 'memory', read: async (path) => files[path]! });
  return createSampler(bundle, await createExecutor('cpu'));
}
