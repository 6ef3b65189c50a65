import type { Sampler } from '@generatrix/runtime';
import { type Manifest, UserError } from '@generatrix/runtime/core';
import {
  type Dataset,
  type DatasetRequest,
  describeDatasets,
  loadDataset,
  type Split,
} from '../data/index.ts';
import { hasRun, readRun, runData } from '../run/run-folder.ts';
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
  if (!(await hasRun(model))) return given;
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
  return dataset;
}
