import type { Device, DeviceRequest, HostTensor, Manifest } from '@generatrix/runtime/web';

/** What to train, where, and on what. */
export interface OpenRequest {
  /** Absolute address of the bundle's folder. */
  readonly url: string;
  readonly device: DeviceRequest;
  /** Absolute address of the folder with onnxruntime's files. */
  readonly wasmPaths: string;
  readonly seed: number;
  /** `fresh` starts from drawn weights, `trained` from those of the bundle. */
  readonly from: 'fresh' | 'trained';
}

/** The visitor's own examples, in the model's range: [n, ...shape]. */
export interface OwnExamples {
  readonly data: HostTensor;
  readonly name: string;
}

/** What the page shows of a model in training: plain data, so that it can cross from the worker. */
export interface OpenedTraining {
  readonly title: string;
  readonly spec: Manifest['data'];
  readonly device: Device;
  readonly batchSize: number;
  /** Examples to train on, and what they are. */
  readonly examples: number;
  readonly dataset: string;
  readonly parameters: number;
}

/** Means over the steps since the last report, of which the steps decide, and not the time. */
export interface TrainingReport {
  readonly step: number;
  readonly metrics: Readonly<Record<string, number>>;
}

/** From the page to the training worker. */
export type ToTrainer =
  | { readonly kind: 'open'; readonly request: OpenRequest; readonly examples?: OwnExamples }
  | { readonly kind: 'train'; readonly steps: number }
  | { readonly kind: 'stop' }
  | { readonly kind: 'bundle' };

/** From the training worker to the page. */
export type FromTrainer =
  | { readonly kind: 'progress'; readonly received: number; readonly total: number }
  | { readonly kind: 'opened'; readonly training: OpenedTraining }
  | { readonly kind: 'report'; readonly report: TrainingReport }
  /** How far it is, several times a second; `stepTime` in milliseconds. */
  | { readonly kind: 'pace'; readonly step: number; readonly stepTime: number }
  | { readonly kind: 'samples'; readonly step: number; readonly data: HostTensor }
  | { readonly kind: 'stopped'; readonly step: number }
  | { readonly kind: 'bundle'; readonly zip: Uint8Array<ArrayBuffer>; readonly name: string }
  | { readonly kind: 'failed'; readonly message: string };
