import { resolve } from 'node:path';
import { isModulePath, loadDatasetPlugin } from '@generatrix/training';
import { datasetNames } from '@generatrix/training/data';
import { type EvaluationOptions, evaluateModel } from '../evaluate-model.ts';

/** How a model is judged, as the flags of `generatrix evaluate` say it. */
export interface EvaluateOptions extends Omit<EvaluationOptions, 'dataFlags'> {
  /** A data set's name or the path of its module; that of the training run when absent. */
  readonly data?: string;
  /** Folder or file that holds the data. */
  readonly dataDir?: string;
  /** Seed of a drawn data set; that of the training run when absent. */
  readonly dataSeed?: number;
}

/**
 * Judges the samples of a trained model against data, as `generatrix evaluate` does.
 * @param model folder of a bundle or of a run
 * @returns what evaluation.json holds: `findings` in plain sentences, and each diagnostic's figures
 * @throws UserError when the model has no samples, the data does not fit, or the folder cannot be written.
 */
export async function evaluate(
  model: string,
  { data, dataDir, dataSeed, ...options }: EvaluateOptions,
): Promise<Awaited<ReturnType<typeof evaluateModel>>> {
  const name =
    data !== undefined && isModulePath(data)
      ? (await loadDatasetPlugin(resolve(data), datasetNames)).name
      : data;
  return evaluateModel(model, {
    ...options,
    dataFlags: {
      ...(name !== undefined && { data: name }),
      ...(dataDir !== undefined && { dataDir }),
      ...(dataSeed !== undefined && { dataSeed: String(dataSeed) }),
    },
  });
}
