import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@generatrix/runtime/core';
import type { Dataset } from '../../data/index.ts';
import { makeFolder } from '../../files/atomic.ts';
import { readSafetensors, writeSafetensors } from '../../files/safetensors-file.ts';
import { ofKind } from '../../model/state.ts';
import type { CompiledFunctions } from '../compiled-functions.ts';
import {
  agreement,
  type Classifier,
  type ClassifierSettings,
  classifierOf,
  trainClassifier,
} from './classifier.ts';
import { classifierModel } from './classifier-model.ts';

/** A classifier of a data set's own classes, with what it is worth. */
export interface ReferenceClassifier extends Classifier {
  /** Share of the held-out examples that it classifies right. */
  readonly testAccuracy: number;
  /** Of its settings and its data: figures on its features compare only when this is equal. */
  readonly hash: string;
  /** Was it read from the cache? */
  readonly cached: boolean;
}

/** How much is spent on the classifier: `quick` is for tests and first looks. */
export type ClassifierEffort = 'full' | 'quick';

const efforts = {
  full: { filters: [32, 64], features: 128, epochs: 4, leastSteps: 600, mostSteps: 3000, batchSize: 100 },
  quick: { filters: [8, 16], features: 32, epochs: 2, leastSteps: 300, mostSteps: 300, batchSize: 50 },
} as const;

/** Why there can be no classifier of this data, or null. */
export function classifierRefuses({ spec, labels, classNames }: Dataset): string | null {
  if (spec.kind !== 'image') return `it needs images, this data is ${spec.kind}`;
  if (labels === null || classNames.length < 2) return 'it needs labelled data, this data has no classes';
  return null;
}

/** Settings for a data set of `size` labelled images. */
export function classifierSettings(
  { spec, classNames }: Dataset,
  size: number,
  effort: ClassifierEffort,
  seed: number,
): ClassifierSettings {
  if (spec.kind !== 'image') throw new Error(`classifier: expected images, got ${spec.kind}`);
  const { filters, features, epochs, leastSteps, mostSteps, batchSize } = efforts[effort];
  const steps = Math.min(mostSteps, Math.max(leastSteps, Math.ceil((epochs * size) / batchSize)));
  return {
    network: { kind: 'conv', shape: spec.shape, range: spec.range, filters, features },
    classes: classNames.length,
    steps,
    batchSize,
    learningRate: 2e-3,
    seed,
  };
}

/** Held-out examples that the accuracy is measured on. */
const testExamples = 10_000;
/** Seed of every reference classifier: figures that rest on its features compare only if it is the same. */
const classifierSeed = 1;

/**
 * The classifier of a data set, trained once and kept in a folder as `classifier-HASH.safetensors`; the hash is of its
 * settings and of the data. Figures on its features compare between models only when the hash is the same.
 * @param folder cache, created where missing
 * @throws UserError when the data has no labelled images.
 */
export async function referenceClassifier(
  compiled: CompiledFunctions,
  train: Dataset,
  heldOut: Dataset,
  { folder, effort = 'full' }: { readonly folder: string; readonly effort?: ClassifierEffort },
): Promise<ReferenceClassifier> {
  const refusal = classifierRefuses(train);
  if (refusal !== null) throw new UserError(`classifier: ${refusal}`);
  const settings = classifierSettings(train, train.size, effort, classifierSeed);
  const hash = createHash('sha256')
    .update(JSON.stringify(settings))
    .update(await fingerprint(train))
    .digest('hex');
  const path = join(folder, `classifier-${hash.slice(0, 16)}.safetensors`);
  const known = await readCached(path, hash);
  if (known !== null) {
    return {
      ...classifierOf(compiled, settings, known.state),
      testAccuracy: known.testAccuracy,
      hash,
      cached: true,
    };
  }
  const classifier = await trainClassifier(compiled, train, settings);
  const indices = Int32Array.from({ length: Math.min(testExamples, heldOut.size) }, (_, i) => i);
  const { labels } = await classifier.classify(await heldOut.gather(indices));
  const testAccuracy = agreement(labels, heldOut.labels!);
  await makeFolder(folder);
  const weights = Object.keys(ofKind(classifierModel(settings.network, settings.classes).state, 'parameter'));
  await writeSafetensors(path, Object.fromEntries(weights.map((name) => [name, classifier.state[name]!])), {
    format: 'generatrix-classifier',
    hash,
    settings: JSON.stringify(settings),
    dataset: train.name,
    testAccuracy: String(testAccuracy),
  });
  return { ...classifier, testAccuracy, hash, cached: false };
}

async function readCached(path: string, hash: string) {
  if ((await stat(path).catch(() => null)) === null) return null;
  const { tensors, metadata } = await readSafetensors(path);
  if (metadata.hash !== hash) {
    throw new UserError(
      `${path}: expected the classifier of other settings or data than the file holds; delete it`,
    );
  }
  return { state: tensors, testAccuracy: Number(metadata.testAccuracy) };
}

/** Tells data sets apart by their size, classes and some examples. */
async function fingerprint(dataset: Dataset): Promise<string> {
  const { name, size, spec, classNames, labels } = dataset;
  const some = Int32Array.from({ length: Math.min(50, size) }, (_, i) =>
    Math.floor((i * size) / Math.min(50, size)),
  );
  return createHash('sha256')
    .update(JSON.stringify([name, size, spec, classNames]))
    .update(labels ?? '')
    .update((await dataset.gather(some)).data)
    .digest('hex');
}
