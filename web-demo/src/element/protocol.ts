import type { Device, DeviceReport, DeviceRequest, HostTensor, Manifest } from '@generatrix/runtime/web';

/** What can be said of a model before any of it is downloaded. */
export interface Description {
  readonly manifest: Manifest;
  /** Absolute address of its picture or sound of samples, if it has one. */
  readonly poster: string | null;
  /** Bytes of its sampling program, and of the reference outputs that it is checked with. */
  readonly modelBytes: number;
}

/** A model that is ready on a device. */
export interface Loaded {
  readonly device: Device;
  readonly reports: readonly DeviceReport[];
  /** Largest error against the bundle's reference outputs, relative to their scale; null where it has none. */
  readonly parityError: number | null;
  readonly loadMs: number;
}

export interface Drawn {
  readonly data: HostTensor;
  readonly seed: number;
  readonly sampleMs: number;
}

export interface DrawRequest {
  readonly count: number;
  /** A random one when absent. */
  readonly seed?: number;
  readonly label?: number;
  /** The model's scalars by name, such as `temperature`. */
  readonly scalars?: Readonly<Record<string, number>>;
}

/** Each request and what answers it. */
export interface Requests {
  describe: { request: { readonly src: string }; answer: Description };
  load: { request: { readonly src: string; readonly device: DeviceRequest }; answer: Loaded };
  draw: {
    request: DrawRequest & { readonly src: string; readonly device: DeviceRequest };
    answer: Drawn;
  };
  release: { request: { readonly src: string; readonly device: DeviceRequest }; answer: null };
}
export type RequestKind = keyof Requests;

/** From the page to its worker. The configuration is the first message. */
export type ToWorker =
  | { readonly kind: 'configure'; readonly wasmPaths: string }
  | { readonly kind: 'cancel'; readonly id: number }
  | {
      [K in RequestKind]: {
        readonly kind: K;
        readonly id: number;
        readonly request: Requests[K]['request'];
      };
    }[RequestKind];

/** From the worker to the page. */
export type FromWorker =
  | { readonly kind: 'progress'; readonly id: number; readonly received: number; readonly total: number }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly cancelled: boolean };
