import type { EngineFiles } from '../cache/engine-files.ts';
import worker from './worker.ts?worker&url';

/** Where the library's files are that are not loaded by imports. */
export interface Place {
  /** Address of the worker's script. */
  readonly worker: string;
  /** Addresses of onnxruntime's files, by their names; those of a folder, or each by itself. */
  readonly engine: EngineFiles;
}

const workerAddress = new URL(worker, import.meta.url).href;

/** On the site: onnxruntime's files lie beside the assets; the development server has them at its root. */
export const place: Place = {
  worker: workerAddress,
  engine: { folder: new URL(import.meta.env.DEV ? '/ort/' : '../ort/', workerAddress).href },
};
