import { type BundleFormat, exportRun, type PortableOptions } from '@generatrix/training';
import { type CheckpointChoice, readRun } from '@generatrix/training/record';

/** In which form a run is exported, as the flags of `generatrix export` say it. */
export interface ExportOptions {
  /** Folder of the bundle, new or empty. */
  readonly out: string;
  /** `['shared']` when absent. */
  readonly formats?: readonly BundleFormat[];
  /** With the training step and so many examples of the training data. */
  readonly trainable?: { readonly examples?: number };
  /** The best of a run that keeps it, else the last, when absent. */
  readonly checkpoint?: CheckpointChoice;
  /** A form for other runtimes, in which the programs are written besides. */
  readonly portable?: PortableOptions;
  /** Replaces a bundle that stands there, and nothing else. */
  readonly overwrite?: boolean;
}

export interface ExportedBundle {
  readonly folder: string;
  /** Largest difference between onnxruntime and tfjs over all programs, relative to the outputs' scale. */
  readonly maxRelativeError: number;
  /** Steps of the checkpoint that was exported. */
  readonly step: number;
}

/**
 * Writes a run's trained model as a bundle, as `generatrix export` does.
 * @throws UserError when there is no such run or checkpoint, or the folder may not be replaced.
 */
export async function exportBundle(run: string, options: ExportOptions): Promise<ExportedBundle> {
  const { out, formats = ['shared'], trainable = null, overwrite = false, checkpoint, portable } = options;
  const { settings } = await readRun(run);
  const { maxRelativeError, step } = await exportRun(run, out, formats, settings.engine, trainable, {
    overwrite,
    checkpoint,
    portable,
  });
  return { folder: out, maxRelativeError, step };
}
