import type {
  Device,
  DeviceReport,
  DeviceRequest,
  DrawKind,
  HostTensor,
  InterpolateRequest,
  LabelDistribution,
  LogProbs,
  Manifest,
  ParityRow,
  WalkPart,
  WalkRequest as WalkStart,
} from '@generatrix/runtime/web';
import type { EngineFiles } from '../cache/engine-files.ts';

/** A model that is open in the worker: plain data, so that it can cross to the page. */
export interface LoadedModel {
  readonly manifest: Manifest;
  readonly device: Device;
  /** Why `auto` chose it, as `3 times faster here than WebGPU`; empty where nothing was compared. */
  readonly deviceNote: string;
  readonly deviceReports: readonly DeviceReport[];
  /** Milliseconds from the request to a sampler that is ready. */
  readonly loadMs: number;
  /** Bytes of the model that came from the server and not from the cache. */
  readonly downloadBytes: number;
  /** Addresses of the scripts that the worker has fetched, for pages that want to work without a network. */
  readonly scripts: readonly string[];
}

export interface LoadRequest {
  /** Absolute address of the bundle's folder, ending in `/`. */
  readonly url: string;
  readonly device: DeviceRequest;
  /**
   * Compares the program `sample` with the bundle's reference before it is used; with `device: 'auto'`, a device
   * that computes it wrongly is passed over.
   */
  readonly verify?: boolean;
}

/** What the model is made to work on: classes and scalars, by their names in the manifest. */
export interface Conditions {
  /** Class of all samples; when absent, sample i gets class i modulo their number. */
  readonly label?: number;
  readonly scalars?: Readonly<Record<string, number>>;
}

export interface SampleRequest extends Conditions {
  /** Classes where no label is said: in turn (when absent), or as frequent as in the training data. */
  readonly labels?: LabelDistribution;
  /** Draws given a code, or their means; as the manifest says when absent. */
  readonly draw?: DrawKind;
  readonly count: number;
  readonly seed: number;
  /** `sample` when absent. */
  readonly program?: string;
}

export interface Sampled {
  /** Samples in the data set's own range, batch first. */
  readonly data: HostTensor;
  /** Milliseconds of computing. */
  readonly sampleMs: number;
}

export interface CompleteRequest extends Conditions {
  readonly data: HostTensor;
  /** Rows, or audio samples, that are kept. */
  readonly known: number;
  readonly seed: number;
}

/**
 * What is told before a completion is there: the examples as far as they are drawn, of a model that draws part by part,
 * or the steps that a chain has taken, of how many.
 */
export type CompletionPart = { readonly soFar: HostTensor } | { readonly done: number; readonly of: number };

/** Samples that are refined from noise, or from examples. */
export interface RefineRequest extends Conditions {
  readonly count: number;
  readonly seed: number;
  /** Examples to start at, as far as the scalar `strength` says, and what of them is held; noise alone when absent. */
  readonly start?: { readonly data: HostTensor; readonly held: HostTensor };
}

/** Samples after some steps, and the examples that the model sees in them. */
export interface Refined {
  readonly data: HostTensor;
  readonly predicted: HostTensor;
}

/** Steps of the model's Markov chain, from where the chains are. */
export interface WalkRequest extends Omit<WalkStart, 'signal'> {
  /** Steps to take. */
  readonly steps: number;
}

/** Where chains are after some steps, what the next step takes, and a number of each to follow. */
export interface Walked extends WalkPart {
  readonly trace: { readonly name: string; readonly values: Float32Array };
  /** Milliseconds of computing. */
  readonly walkMs: number;
}

/** A way between two samples or two codes, and the places on it. */
export type Way = Pick<InterpolateRequest, 'from' | 'to' | 'places' | 'method'>;

/** Log-densities of examples. */
export type Scores = LogProbs;

interface Call<Payload, Reply, Part = never> {
  readonly payload: Payload;
  readonly reply: Reply;
  /** What arrives before the reply, any number of times. */
  readonly part: Part;
}

/**
 * Everything the worker can be asked, by name. A further kind of request (such as training) is one line here, one
 * handler in `handlers.ts` and one method of whoever asks; nothing else knows the names.
 */
export interface Calls {
  readonly load: Call<LoadRequest, LoadedModel, { readonly received: number; readonly total: number }>;
  readonly sample: Call<SampleRequest, Sampled, { readonly done: number; readonly of: number }>;
  /** Samples row by row; the parts hold all samples as far as they are drawn. */
  readonly stream: Call<SampleRequest, Sampled, HostTensor>;
  readonly complete: Call<CompleteRequest, Sampled, CompletionPart>;
  /** Samples of a chain that says what it sees in them, after each step. */
  readonly refine: Call<RefineRequest, Sampled, Refined & { readonly done: number; readonly of: number }>;
  /** Steps of the model's Markov chain; the parts say how many are taken. */
  readonly walk: Call<WalkRequest, Walked, { readonly done: number; readonly of: number }>;
  /** Examples through the model's code and back. */
  readonly reconstruct: Call<{ readonly data: HostTensor } & Conditions, HostTensor>;
  /** Examples on the way between two samples or two codes. */
  readonly interpolate: Call<Way & Conditions, HostTensor>;
  readonly encode: Call<{ readonly data: HostTensor } & Conditions, HostTensor>;
  readonly decode: Call<{ readonly latent: HostTensor } & Conditions, HostTensor>;
  readonly score: Call<
    { readonly data: HostTensor; readonly samples: number; readonly label?: number },
    Scores
  >;
  readonly parity: Call<{ readonly programs?: readonly string[] }, readonly ParityRow[]>;
  readonly release: Call<null, null>;
}
export type CallName = keyof Calls;

/** From the page. `model` says which of the open models is meant; the page numbers them. */
export type ToWorker =
  | {
      readonly [K in CallName]: {
        readonly id: number;
        readonly model: number;
        readonly call: K;
        readonly payload: Calls[K]['payload'];
      };
    }[CallName]
  /** Gives up what `id` asked for; it is then answered with `failed`. */
  | { readonly id: number; readonly call: 'cancel' };

/** The page's first message: where onnxruntime's files are. */
export interface Configure {
  readonly call: 'configure';
  readonly engine: EngineFiles;
}

/** To the page: `part` any number of times, then one of the others. */
export type FromWorker =
  | { readonly id: number; readonly kind: 'part'; readonly part: unknown }
  | { readonly id: number; readonly kind: 'done'; readonly reply: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string };
