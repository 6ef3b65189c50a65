import type { Sampler } from '@generatrix/runtime';
import { type Manifest, UserError } from '@generatrix/runtime/core';
import {
  type Dataset,
  type DatasetRequest,
  describeDatasets,
  fingerprintOf,
  loadDataset,
  readsFiles,
  readsImageFiles,
  type Split,
} from '@generatrix/training/data';
import { dataChange, hasRun, readRun, runData } from '@generatrix/training/record';
import { dataRequest, wholeNumber } from './flags.ts';

/** Flags that choose the examples that a model is shown: the data flags, and these. */
export interface ModelDataFlags {
  readonly data?: string;
  readonly split: Split;
  readonly dataSeed?: string;
}

/**
 * What loads the data of a model: the settings of its training run, its `--data-dir` included, with what the flags
 * change; the flags alone when they name other data, or when the model is a bundle by itself.
 * @param model folder of the run or bundle
 */
export async function modelDataRequest(
  { data, provenance }: Pick<Manifest, 'data' | 'provenance'>,
  flags: Omit<ModelDataFlags, 'split'>,
  model: string,
  split: Split,
): Promise<DatasetRequest> {
  const seed = flags.dataSeed === undefined ? provenance.seed : wholeNumber('--data-seed')(flags.dataSeed);
  const given = dataRequest({ ...flags, data: flags.data ?? data.name }, split, seed);
  if (!(await hasRun(model))) {
    if (data.kind !== 'image' || given.name !== data.name || !readsImageFiles(given.name)) return given;
    const [height, width, channels] = data.shape;
    return { imageSize: [height, width], channels: channels === 1 ? 1 : 3, ...given };
  }
  const { settings } = await readRun(model);
  return given.name === settings.data.name ? { ...runData(settings, split), ...given } : given;
}

/**
 * Loads the data set that the flags name, that of the training run when they name none.
 * @param model folder of the run or bundle
 * @throws UserError when its examples are of another shape than the model's.
 */
export async function modelData(
  { manifest }: Pick<Sampler, 'manifest'>,
  flags: ModelDataFlags,
  model: string,
): Promise<Dataset> {
  const { data } = manifest;
  const name = flags.data ?? data.name;
  const dataset = await loadDataset(await modelDataRequest(manifest, flags, model, flags.split));
  if (String(dataset.spec.shape) !== String(data.shape)) {
    throw new UserError(
      `--data ${name}: the model takes ${data.kind} of shape ${data.shape.join('x')}, this data has ${dataset.spec.shape.join('x')}`,
    );
  }
  console.error(describeDatasets([dataset]));
  if (flags.data === undefined) for (const line of await doubts(dataset, flags, model)) console.error(line);
  return dataset;
}

/** What speaks against taking this part for the one that a model was trained beside: a line each. */
async function doubts(dataset: Dataset, flags: ModelDataFlags, model: string): Promise<string[]> {
  const { split } = flags;
  if (!(await hasRun(model))) {
    if (split === 'train' || !readsFiles(dataset.name)) return [];
    return [
      `${model}: a bundle does not record how its data was split; score the run's folder to be sure that it was not ` +
        `trained on examples of this ${split} part`,
    ];
  }
  const { settings, fingerprints } = await readRun(model);
  const lines: string[] = [];
  if (settings.data.splitRule === 'permutation' && readsFiles(dataset.name)) {
    lines.push(
      `${model}: the run is split by a permutation, as earlier releases did, which one example more or less changes ` +
        'throughout; train it anew to have parts that stay',
    );
  }
  const asked = dataRequest({ ...flags, data: settings.data.name }, split, settings.seed);
  // Another size, seed or resolution is the wish of whoever asks; another folder should hold the same.
  const keys = Object.keys({ ...asked, ...settings.data }) as (keyof typeof asked)[];
  const whole = { ...runData(settings, split), ...asked };
  const same = keys.every(
    (key) => key === 'dir' || String(whole[key]) === String(runData(settings, split)[key]),
  );
  // Training never opens the test part, so that it is judged by the part drawn beside it.
  const part = split === 'test' ? 'validation' : split;
  const seen = same && part !== split ? await loadDataset({ ...whole, split: part }) : dataset;
  const change = same ? dataChange(fingerprints, { [part]: await fingerprintOf(seen) }) : null;
  if (change !== null) lines.push(`${model}: the data is not what the run began with: ${change}`);
  return lines;
}
