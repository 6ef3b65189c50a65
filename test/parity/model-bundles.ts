import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packBundle, tf } from '@generatrix/export';
import {
  bindState,
  buildModel,
  describeData,
  type FamilyCase,
  familyNamed,
  firstExamples,
  initialState,
  toTensor,
} from '@generatrix/training';

/** Writes the bundle of a small model with its starting weights: parity does not depend on training. */
export async function writeModelBundle(folder: string, familyCase: FamilyCase): Promise<void> {
  const { name, family, options, dataset } = familyCase;
  const data = describeData(dataset);
  const { model, options: settled } = buildModel(familyNamed(family), options, data);
  const start = initialState(model, 11);
  const state = model.initialise?.(start, dataset, 11) ?? start;
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
    examples: firstExamples(dataset, 4),
  });
  tf.dispose(tensors);
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}
