import { packBundle, tf } from '@generatrix/export';
import { createExecutor, createSampler, openBundle, type Sampler } from '@generatrix/runtime';
import { samplingProgram } from '@generatrix/runtime/core';
import { classFrequencies, type Dataset } from '../data/dataset.ts';
import { initialState } from '../engine/initial-state.ts';
import { toTensor } from '../engine/tfjs-engine.ts';
import type { Model } from '../model/model.ts';
import type { HostState } from '../model/state.ts';
import { bindState } from '../run/export-run.ts';
import { ConformanceError } from './model-checks.ts';
import { firstExamples } from './tiny-data.ts';

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

/**
 * That a model's bundle can be packed, which compares each program in onnxruntime with tfjs, and samples.
 * @throws ConformanceError when samples are of another shape, not finite, or not the same by the same seed
 */
export async function checkExport(model: Model, dataset: Dataset): Promise<void> {
  const start = initialState(model, 7);
  const state = (await model.initialise?.(start, dataset, 7)) ?? start;
  const sampler = await exportedSampler(model, state, dataset);
  try {
    const { programs } = sampler.manifest;
    const program = samplingProgram(programs);
    // What only encodes, or needs a condition with each sample, has nothing to draw here.
    if (program === undefined) return;
    if (Object.values(programs[program]!.inputs).some(({ role }) => role === 'condition')) return;
    const { data } = await sampler.sample({ count: 8, seed: 1 });
    const wanted = [8, ...dataset.spec.shape];
    if (String(data.shape) !== String(wanted))
      throw new ConformanceError(`samples of shape [${data.shape}], expected [${wanted}]`);
    const stray = data.data.find((value) => !Number.isFinite(value));
    if (stray !== undefined) throw new ConformanceError(`a sample holds ${stray}, expected finite values`);
    const again = (await sampler.sample({ count: 8, seed: 1 })).data;
    if (data.data.some((value, i) => value !== again.data[i]))
      throw new ConformanceError('the same seed gave other samples the second time');
  } finally {
    await sampler.release();
  }
}
