import { UserError } from '@generatrix/runtime';
import type { BundleFiles } from './pack.ts';

/** Programs that do not compute in onnxruntime what they compute in tfjs. The message is one line. */
export class ParityError extends UserError {
  /** The bundle all the same, its manifest with the verdict: what to look into. */
  readonly files: BundleFiles;

  /** @param failures one line for each program */
  constructor(failures: readonly string[], files: BundleFiles) {
    super(failures.join('; '));
    this.files = files;
  }
}
