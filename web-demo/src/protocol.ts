import type {
  Device,
  DeviceReport,
  DeviceRequest,
  HostTensor,
  InputSpec,
  Manifest,
} from '@generatrix/runtime/web';

/** What the page needs to know of a loaded model: plain data, so that it can cross from the worker. */
export interface LoadedModel {
  readonly family: string;
  readonly data: Manifest['data'];
  /** Inputs of the sampling program: which of them are labels and scalars decides what the page asks for. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly device: Device;
  readonly deviceReports: readonly DeviceReport[];
  /** Milliseconds from the first request to a sampler that is ready. */
  readonly loadMs: number;
}

export interface SampleRequest {
  readonly count: number;
  readonly seed: number;
  /** Class of all samples; when absent, sample i gets class i modulo their number. */
  readonly label?: number;
  readonly scalars: Readonly<Record<string, number>>;
}

export interface Sampled {
  /** Samples in the data set's own range, batch first. */
  readonly data: HostTensor;
  readonly sampleMs: number;
}

export interface LoadRequest {
  /** Absolute address of the bundle's folder. */
  readonly url: string;
  readonly device: DeviceRequest;
  /** Absolute address of the folder with onnxruntime's files. */
  readonly wasmPaths: string;
}

/** From the page to its worker. */
export type ToWorker =
  | { readonly kind: 'load'; readonly request: LoadRequest }
  | { readonly kind: 'sample'; readonly request: SampleRequest };

/** From the worker to its page; `loaded`, `sampled` and `failed` answer the last message. */
export type FromWorker =
  | { readonly kind: 'progress'; readonly received: number; readonly total: number }
  | { readonly kind: 'loaded'; readonly model: LoadedModel }
  | { readonly kind: 'sampled'; readonly result: Sampled }
  | { readonly kind: 'failed'; readonly message: string };
