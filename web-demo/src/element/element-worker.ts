import {
  type Bundle,
  checkParity,
  configureWeb,
  createSampler,
  type DeviceReport,
  type DeviceRequest,
  type Executor,
  openBundle,
  openDevice,
  parityTolerance,
  type Sampler,
  UserError,
  webSource,
} from '@generatrix/runtime/web';
import { cachedSource, readEngine } from './cache.ts';
import type { Description, Drawn, FromWorker, Loaded, RequestKind, Requests, ToWorker } from './protocol.ts';

/** The one thread of a page that all its elements share: inference blocks it, and the page stays free. */
interface Ready {
  readonly sampler: Sampler;
  readonly loaded: Loaded;
}

/** Samples in one run: between runs the worker looks for a cancellation. */
const rowsAtOnce = 8;

const bundles = new Map<string, Promise<Bundle>>();
const models = new Map<string, Promise<Ready>>();
const cancellations = new Map<number, AbortController>();
/** Who hears of bytes that arrive for the engine: all requests that wait for it. */
const listeners = new Map<number, (received: number, total: number) => void>();

const reply = (message: FromWorker, transfer: Transferable[] = []) => postMessage(message, { transfer });
const progressOf = (id: number) => (received: number, total: number) =>
  reply({ kind: 'progress', id, received, total });

function bundleAt(src: string): Promise<Bundle> {
  let bundle = bundles.get(src);
  if (bundle === undefined) {
    bundle = openBundle(cachedSource(webSource(src)));
    bundles.set(src, bundle);
    // A bundle that could not be opened is tried again the next time.
    bundle.catch(() => bundles.delete(src));
  }
  return bundle;
}

async function describe({ src }: { src: string }): Promise<Description> {
  const { manifest } = await bundleAt(src);
  const { programs, reference, sample } = manifest;
  if (!Object.hasOwn(programs, 'sample')) {
    throw new UserError(`${manifest.name} cannot be sampled: its bundle has no program 'sample'`);
  }
  const poster = sample === undefined ? null : new URL(sample.file, src.endsWith('/') ? src : `${src}/`).href;
  return { manifest, poster, modelBytes: programs.sample!.bytes + (reference?.bytes ?? 0) };
}

/** Opens a device and checks the sampling program on it; with `auto`, one that computes wrongly is left for WASM. */
async function open(src: string, device: DeviceRequest, id: number, signal: AbortSignal): Promise<Ready> {
  const started = performance.now();
  const bundle = await bundleAt(src);
  const first = await openDevice(device);
  const reports: DeviceReport[] = [...first.reports];
  let { executor } = first;
  let parityError = await errorOn(bundle, executor);
  if (parityError !== null && parityError > parityTolerance) {
    const reason = `computes this model wrongly: off by ${parityError.toExponential(1)} of its scale`;
    if (device !== 'auto' || executor.device === 'wasm') throw new UserError(`${executor.device} ${reason}`);
    reports.splice(-1, 1, { device: executor.device, available: false, reason });
    const next = await openDevice('wasm');
    reports.push(...next.reports);
    executor = next.executor;
    parityError = await errorOn(bundle, executor);
  }
  const sampler = createSampler(bundle, executor, reports);
  const onProgress = ({ received, total }: { received: number; total: number }) =>
    progressOf(id)(received, total);
  await sampler.prepare('sample', { onProgress, signal });
  const loaded = { device: executor.device, reports, parityError, loadMs: performance.now() - started };
  return { sampler, loaded };
}

async function errorOn(bundle: Bundle, executor: Executor): Promise<number | null> {
  if (bundle.manifest.reference === undefined) return null;
  const rows = await checkParity(bundle, executor, { programs: ['sample'] });
  return Math.max(...rows.map(({ maxRelativeError }) => maxRelativeError));
}

async function ready(src: string, device: DeviceRequest, id: number, signal: AbortSignal): Promise<Ready> {
  const key = `${device} ${src}`;
  let model = models.get(key);
  if (model === undefined) {
    model = open(src, device, id, signal);
    models.set(key, model);
    model.catch(() => models.delete(key));
  }
  listeners.set(id, progressOf(id));
  try {
    return await model;
  } finally {
    listeners.delete(id);
  }
}

async function draw(
  { src, device, count, seed, label, scalars = {} }: Requests['draw']['request'],
  id: number,
  signal: AbortSignal,
): Promise<Drawn> {
  const { sampler } = await ready(src, device, id, signal);
  const started = performance.now();
  const used = seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
  const parts: Float32Array[] = [];
  let shape: readonly number[] = [];
  for (let first = 0; first < count; first += rowsAtOnce) {
    // A message that cancels is heard between two turns of the event loop only.
    await new Promise((resolve) => setTimeout(resolve));
    signal.throwIfAborted();
    const rows = Math.min(rowsAtOnce, count - first);
    const request = { count: rows, firstIndex: first, seed: used, ...scalars };
    const { data } = await sampler.sample(label === undefined ? request : { ...request, label });
    parts.push(data.data as Float32Array);
    shape = data.shape;
  }
  const values = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    values.set(part, offset);
    offset += part.length;
  }
  const data = { dtype: 'float32', shape: [count, ...shape.slice(1)], data: values } as const;
  return { data, seed: used, sampleMs: performance.now() - started };
}

async function release({ src, device }: Requests['release']['request']): Promise<null> {
  const key = `${device} ${src}`;
  const model = models.get(key);
  models.delete(key);
  await (await model)?.sampler.release();
  return null;
}

const handlers: {
  [K in RequestKind]: (
    request: Requests[K]['request'],
    id: number,
    signal: AbortSignal,
  ) => Promise<Requests[K]['answer']>;
} = {
  describe,
  load: async ({ src, device }, id, signal) => (await ready(src, device, id, signal)).loaded,
  draw,
  release,
};

async function answer(message: Exclude<ToWorker, { kind: 'configure' | 'cancel' }>): Promise<void> {
  const { id, kind, request } = message;
  const cancellation = new AbortController();
  cancellations.set(id, cancellation);
  try {
    const handle = handlers[kind] as (request: unknown, id: number, signal: AbortSignal) => Promise<unknown>;
    reply({ kind: 'answer', id, answer: await handle(request, id, cancellation.signal) });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    reply({ kind: 'failed', id, message: text.split('\n')[0]!, cancelled: cancellation.signal.aborted });
  } finally {
    cancellations.delete(id);
  }
}

function configure(wasmPaths: string): void {
  configureWeb({
    wasmPaths,
    readWasm: (file, version) =>
      readEngine(new URL(file, wasmPaths).href, version, (received, total) => {
        for (const listener of listeners.values()) listener(received, total);
      }),
  });
}

addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.kind === 'configure') configure(data.wasmPaths);
  else if (data.kind === 'cancel') cancellations.get(data.id)?.abort(new Error('cancelled'));
  else void answer(data);
});
