import { packBundle, tf } from '@generatrix/export';
import { createExecutor, createSampler, openBundle, type Sampler } from '@generatrix/runtime';
import { fillNoise, type HostTensor } from '@generatrix/runtime/core';
import { classFrequencies } from '../data/class-frequencies.ts';
import type { Dataset } from '../data/dataset.ts';
import { toTensor } from '../engine/tfjs-engine.ts';
import { bindState } from '../run/export-run.ts';
import { initialState } from '../run/initial-state.ts';
import type { HostState, Model } from './family.ts';
import { buildModel, familyNamed } from './registry.ts';
import { describeData, firstExamples } from './tiny-data.ts';

const optimizerSlot = /(^|\/)adam\//;

/**
 * A state such as training might leave: kernels and biases that start as zeros are random, too, so that outputs depend
 * on all of them. Flows start as the identity, and a DCGAN as one grey. A model that no gradient trains (EM) keeps its
 * start.
 * @param strength scales the noise that is added; 1 is a deviation of half of 1 / sqrt(fan-in), or 0.1 for vectors
 */
export function stirredState(state: HostState, specs: Model['state'], strength = 1): HostState {
  const trained = Object.keys(specs).some((name) => optimizerSlot.test(name));
  if (!trained) return state;
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => {
      const { shape, dtype, initial } = specs[name]!;
      const constant = typeof initial === 'number' && initial !== 0; // a scale or a running variance
      if (constant || dtype === 'int32' || optimizerSlot.test(name)) return [name, tensor];
      const fanIn = shape.slice(0, -1).reduce((product, size) => product * size, 1);
      const std = strength * (shape.length > 1 ? 0.5 / Math.sqrt(fanIn) : 0.1);
      const stream = `stir/${name}`;
      const noise = fillNoise({ law: 'normal', seed: 12, stream, firstIndex: 0, count: 1, shape });
      const data = Float32Array.from(tensor.data, (value, i) => value + std * noise[i]!);
      return [name, { ...tensor, data } as HostTensor];
    }),
  );
}

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
  return { model, state: stirredState(initialised, model.state, strength) };
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
