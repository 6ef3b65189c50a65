import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packBundle, tf } from '@generatrix/export';
import { fillNoise, type HostTensor } from '@generatrix/runtime/core';
import {
  bindState,
  buildModel,
  describeData,
  type FamilyCase,
  familyNamed,
  firstExamples,
  type HostState,
  initialState,
  type Model,
  toTensor,
} from '@generatrix/training';

/**
 * What training would leave of the starting values, as far as parity is concerned: no kernel or bias is zero, and
 * outputs depend on all of them. Flows start as the identity, and a DCGAN as one grey, on which every device agrees.
 */
function stirred(state: HostState, specs: Model['state']): HostState {
  const trained = Object.keys(specs).some((name) => optimizerSlot.test(name));
  if (!trained) return state;
  return Object.fromEntries(
    Object.entries(state).map(([name, tensor]) => {
      const { shape, dtype, initial } = specs[name]!;
      const constant = typeof initial === 'number' && initial !== 0; // a scale or a running variance
      if (constant || dtype === 'int32' || optimizerSlot.test(name)) return [name, tensor];
      const fanIn = shape.slice(0, -1).reduce((product, size) => product * size, 1);
      const std = shape.length > 1 ? 0.5 / Math.sqrt(fanIn) : 0.1;
      const noise = fillNoise({
        law: 'normal',
        seed: 12,
        stream: `stir/${name}`,
        firstIndex: 0,
        count: 1,
        shape,
      });
      const data = Float32Array.from(tensor.data, (value, i) => value + std * noise[i]!);
      return [name, { ...tensor, data } as HostTensor];
    }),
  );
}

const optimizerSlot = /(^|\/)adam\//;

/** Writes the bundle of a small model whose weights are random, in the places of those that start as zeros, too. */
export async function writeModelBundle(folder: string, familyCase: FamilyCase): Promise<void> {
  const { name, family, options, dataset } = familyCase;
  const data = describeData(dataset);
  const { model, options: settled } = buildModel(familyNamed(family), options, data);
  const start = initialState(model, 11);
  const state = stirred((await model.initialise?.(start, dataset, 11)) ?? start, model.state);
  await tf.setBackend('cpu');
  const tensors = Object.fromEntries(Object.entries(state).map(([key, tensor]) => [key, toTensor(tensor)]));
  const files = await packBundle({
    about: {
      name,
      family,
      options: JSON.parse(JSON.stringify(settled)) as Record<string, never>,
      data: { ...data.spec, name: 'tiny', classNames: [] },
      provenance: {
        seed: 11,
        dataset: 'tiny',
        steps: 0,
        engine: 'none',
        metrics: {},
        generatrixVersion: '0.1.0',
      },
    },
    programs: bindState(model, tensors),
    formats: ['onnx', 'graph-model'],
    examples: await firstExamples(dataset, 4),
  });
  tf.dispose(tensors);
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}
