import type { DeviceRequest } from '@generatrix/runtime/web';
import type {
  Description,
  Drawn,
  DrawRequest,
  FromWorker,
  Loaded,
  RequestKind,
  Requests,
  ToWorker,
} from './protocol.ts';

export interface CallOptions {
  /** Bytes received so far; a total of 0 is an unknown one. */
  readonly onProgress?: (received: number, total: number) => void;
  /** Cancels the call, which then rejects. */
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((received: number, total: number) => void) | undefined;
}

let worker: Worker | null = null;
let lastId = 0;
const pending = new Map<number, Pending>();

/** The page's one worker, started when it is first needed: all models of a page share it. */
function theWorker(): Worker {
  if (worker !== null) return worker;
  const started = new Worker(new URL('./element-worker.ts', import.meta.url), { type: 'module' });
  started.onmessage = ({ data }: MessageEvent<FromWorker>) => receive(data);
  started.onerror = (event) => {
    event.preventDefault();
    const error = new Error(`the worker stopped: ${event.message || 'its script could not be loaded'}`);
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
    worker = null;
  };
  const configuration: ToWorker = {
    kind: 'configure',
    wasmPaths: new URL(/* @vite-ignore */ '../ort/', import.meta.url).href,
  };
  started.postMessage(configuration);
  worker = started;
  return started;
}

function receive(message: FromWorker): void {
  const waiting = pending.get(message.id);
  if (waiting === undefined) return;
  if (message.kind === 'progress') {
    waiting.onProgress?.(message.received, message.total);
    return;
  }
  pending.delete(message.id);
  if (message.kind === 'answer') waiting.resolve(message.answer);
  else
    waiting.reject(
      message.cancelled ? new DOMException(message.message, 'AbortError') : new Error(message.message),
    );
}

/** Asks the worker. Rejects with its one-line message, or with an AbortError when it was cancelled. */
export function ask<K extends RequestKind>(
  kind: K,
  request: Requests[K]['request'],
  { onProgress, signal }: CallOptions = {},
): Promise<Requests[K]['answer']> {
  signal?.throwIfAborted();
  const id = ++lastId;
  const target = theWorker();
  return new Promise((resolve, reject) => {
    const cancel = () => target.postMessage({ kind: 'cancel', id } satisfies ToWorker);
    signal?.addEventListener('abort', cancel, { once: true });
    const settled = <T>(settle: (value: T) => void) => {
      return (value: T) => {
        signal?.removeEventListener('abort', cancel);
        settle(value);
      };
    };
    pending.set(id, {
      resolve: settled(resolve as (answer: unknown) => void),
      reject: settled(reject),
      onProgress,
    });
    target.postMessage({ kind, id, request } as ToWorker);
  });
}

/** A model in the page's worker, for scripts. */
export interface PageSampler extends Loaded {
  readonly manifest: Description['manifest'];
  /** Draws samples; the same seed gives the same ones here, on a server and at the command line. */
  sample(request: DrawRequest, options?: CallOptions): Promise<Drawn>;
  /** Frees the model. */
  release(): Promise<void>;
}

/**
 * Loads a model for sampling, in a worker.
 * @param src address of the bundle's folder, relative to the page
 */
export async function loadSampler(
  src: string,
  { device = 'auto', ...options }: CallOptions & { readonly device?: DeviceRequest } = {},
): Promise<PageSampler> {
  const model = { src: new URL(src, document.baseURI).href, device };
  const { manifest } = await ask('describe', model, options);
  const loaded = await ask('load', model, options);
  return {
    ...loaded,
    manifest,
    sample: (request, drawOptions) => ask('draw', { ...model, ...request }, drawOptions),
    release: async () => {
      await ask('release', model);
    },
  };
}
