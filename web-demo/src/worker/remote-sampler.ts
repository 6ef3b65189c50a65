import {
  type Device,
  type DeviceReport,
  type HostTensor,
  type Manifest,
  type ParityRow,
  randomSeed,
} from '@generatrix/runtime/core';
import { workerLink } from './client.ts';
import type {
  CallName,
  Calls,
  CompletionPart,
  Conditions,
  LoadRequest,
  RefineRequest,
  Sampled,
  SampleRequest,
  Scores,
  Walked,
  WalkRequest,
  Way,
} from './protocol.ts';
import { tellResources } from './resources.ts';

export interface LoadOptions {
  /** `auto` when absent: WASM or WebGPU, whichever is faster for this model here. */
  readonly device?: LoadRequest['device'];
  /** Compares the program `sample` with the bundle's reference first; see `LoadRequest`. */
  readonly verify?: boolean;
  /** Told of the bytes of the model and of the engine together. */
  readonly onProgress?: (received: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A model in the page's worker. Calls may overlap; they are done in turn. */
export interface RemoteSampler {
  readonly manifest: Manifest;
  readonly device: Device;
  /** Why `auto` chose it, as `3 times faster here than WebGPU`; empty where nothing was compared. */
  readonly deviceNote: string;
  /** The devices that were considered, and why some were passed over. */
  readonly deviceReports: readonly DeviceReport[];
  readonly loadMs: number;
  /** Bytes of the model that were fetched; 0 when all came from the cache. */
  readonly downloadBytes: number;
  sample(
    request: Partial<SampleRequest>,
    options?: CallOptions,
  ): Promise<Sampled & { readonly seed: number }>;
  /** Models that draw part by part: `onPart` is given all samples as far as they are drawn. */
  stream(
    request: SampleRequest,
    onPart: (soFar: HostTensor) => void,
    options?: CallOptions,
  ): Promise<Sampled>;
  /** Keeps the beginning of each example and draws the rest; `onPart` as for `stream`, or the steps of a chain. */
  complete(
    request: { readonly data: HostTensor; readonly known: number; readonly seed: number } & Conditions,
    onPart?: (part: CompletionPart) => void,
    options?: CallOptions,
  ): Promise<Sampled>;
  /** Samples of a chain that says what it sees in them; `onPart` is given both after each step. */
  refine(
    request: RefineRequest,
    onPart?: (part: Calls['refine']['part']) => void,
    options?: CallOptions,
  ): Promise<Sampled>;
  /** Steps of the model's Markov chain; `onPart` is told how many are taken. */
  walk(
    request: WalkRequest,
    onPart?: (part: { readonly done: number; readonly of: number }) => void,
    options?: CallOptions,
  ): Promise<Walked>;
  /** Examples through the model's code and back. */
  reconstruct(data: HostTensor, conditions?: Conditions): Promise<HostTensor>;
  /** Examples on the way between two samples or two codes. */
  interpolate(way: Way, conditions?: Conditions): Promise<HostTensor>;
  encode(data: HostTensor, conditions?: Conditions): Promise<HostTensor>;
  decode(latent: HostTensor, conditions?: Conditions): Promise<HostTensor>;
  /** Log-likelihood in nats, or a bound from `samples` draws. */
  logProb(
    data: HostTensor,
    request?: { readonly samples?: number; readonly label?: number },
  ): Promise<Scores>;
  /** Compares programs with the bundle's reference on the device in use; all programs when none are named. */
  checkParity(programs?: readonly string[]): Promise<readonly ParityRow[]>;
  /** Frees the model. What was asked and is not answered is given up. */
  close(): void;
}

/**
 * Loads a model in the page's worker.
 * @param url address of the bundle's folder, absolute or relative to the page
 * @throws when there is no bundle, a file of it is wrong, no device will do, or the signal says stop.
 */
export async function loadSampler(url: string | URL, options: LoadOptions = {}): Promise<RemoteSampler> {
  const { device = 'auto', verify = true, onProgress, signal } = options;
  const link = workerLink();
  const model = link.newModel();
  const address = new URL(url, document.baseURI).href;
  const request = { url: address.endsWith('/') ? address : `${address}/`, device, verify };
  const onPart = ({ received, total }: { received: number; total: number }) => onProgress?.(received, total);
  const loaded = await link.ask('load', model, request, { signal, onPart });
  tellResources(loaded.scripts);
  const ask =
    <K extends CallName>(call: K) =>
    (wanted: Calls[K]['payload'], part?: (part: Calls[K]['part']) => void, options?: CallOptions) =>
      link.ask(call, model, wanted, { ...options, onPart: part });
  return {
    ...loaded,
    async sample({ count = 1, seed = randomSeed(), ...given }, call) {
      return { seed, ...(await link.ask('sample', model, { count, seed, ...given }, call)) };
    },
    stream: ask('stream'),
    complete: ask('complete'),
    refine: ask('refine'),
    walk: ask('walk'),
    reconstruct: (data, given) => link.ask('reconstruct', model, { data, ...given }),
    interpolate: (way, given) => link.ask('interpolate', model, { ...way, ...given }),
    encode: (data, given) => link.ask('encode', model, { data, ...given }),
    decode: (latent, given) => link.ask('decode', model, { latent, ...given }),
    logProb: (data, { samples = 1, label } = {}) =>
      link.ask('score', model, { data, samples, ...(label === undefined ? {} : { label }) }),
    checkParity: (programs) => link.ask('parity', model, programs ? { programs } : {}),
    close: () => link.release(model),
  };
}
