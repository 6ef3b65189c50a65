import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BundleFormat, type PortableOptions, packBundle, tf } from '@generatrix/export';
import { encodeSafetensors } from '@generatrix/runtime/core';
import {
  bindState,
  buildModel,
  familyDescription,
  familyNamed,
  initialState,
  toTensor,
} from '@generatrix/training';
import { describeData, type FamilyCase, firstExamples, stirredState } from '@generatrix/training/testing';
import { madeOnce } from '../once-per-run.ts';

/**
 * Writes the bundle of a small model whose weights are random, in the places of those that start as zeros, too; beside
 * it, as `state.safetensors`, the weights by name. Several test files of a run get copies of one.
 */
export async function writeModelBundle(
  folder: string,
  familyCase: FamilyCase,
  formats: readonly BundleFormat[] = ['shared', 'graph-model'],
  portable?: PortableOptions,
): Promise<void> {
  const { name, family, options, training, dataset } = familyCase;
  const data = [dataset.name, dataset.size, dataset.spec, dataset.classNames];
  const key = JSON.stringify(['bundle', name, family, options, training, data, formats, portable]);
  await madeOnce(key, folder, (empty) => makeBundle(empty, familyCase, formats, portable));
}

async function makeBundle(
  folder: string,
  familyCase: FamilyCase,
  formats: readonly BundleFormat[],
  portable: PortableOptions | undefined,
): Promise<void> {
  const { name, family, dataset } = familyCase;
  const { programs, settled, state, release } = await modelPrograms(familyCase);
  const files = await packBundle({
    about: {
      name,
      family,
      description: familyDescription(familyNamed(family)),
      options: JSON.parse(JSON.stringify(settled)) as Record<string, never>,
      data: { ...describeData(dataset).spec, name: 'tiny', classNames: [] },
      provenance: {
        seed: 11,
        dataset: 'tiny',
        steps: 0,
        engine: 'none',
        metrics: {},
        generatrixVersion: '0.1.0',
      },
    },
    programs,
    formats,
    ...(portable && { portable }),
    examples: await firstExamples(dataset, 4),
  });
  release();
  const written = { ...files, 'state.safetensors': encodeSafetensors(state) };
  for (const [path, bytes] of Object.entries(written)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), bytes);
  }
}

/** The programs of a small model whose weights are random; `release` frees them. */
export async function modelPrograms({ family, options, training, dataset, batchSize }: FamilyCase) {
  const { model, options: settled } = buildModel(
    familyNamed(family),
    options,
    describeData(dataset),
    training,
    batchSize,
  );
  const start = initialState(model, 11);
  const state = stirredState((await model.initialise?.(start, dataset, 11)) ?? start, model);
  await tf.setBackend('cpu');
  const tensors = Object.fromEntries(Object.entries(state).map(([key, tensor]) => [key, toTensor(tensor)]));
  return { programs: bindState(model, tensors), settled, state, release: () => tf.dispose(tensors) };
}
