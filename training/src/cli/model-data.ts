import type { Sampler } from '@generatrix/runtime';
import { UserError } from '@generatrix/runtime/core';
import { type Dataset, describeDatasets, loadDataset, type Split } from '../data/index.ts';
import { dataRequest, wholeNumber } from './flags.ts';

/** Flags that choose the examples that a model is shown: the data flags, and these. */
export interface ModelDataFlags {
  readonly data?: string;
  readonly split: Split;
  readonly dataSeed?: string;
}

/**
 * Loads the data set that the flags name, that of the training run when they name none.
 * @throws UserError when its examples are of another shape than the model's.
 */
export async function modelData(
  { manifest }: Pick<Sampler, 'manifest'>,
  flags: ModelDataFlags,
): Promise<Dataset> {
  const { data, provenance } = manifest;
  const name = flags.data ?? data.name;
  const seed = flags.dataSeed === undefined ? provenance.seed : wholeNumber('--data-seed')(flags.dataSeed);
  const dataset = await loadDataset(dataRequest({ ...flags, data: name }, flags.split, seed));
  if (String(dataset.spec.shape) !== String(data.shape)) {
    throw new UserError(
      `--data ${name}: the model takes ${data.kind} of shape ${data.shape.join('x')}, this data has ${dataset.spec.shape.join('x')}`,
    );
  }
  console.error(describeDatasets([dataset]));
  return dataset;
}
