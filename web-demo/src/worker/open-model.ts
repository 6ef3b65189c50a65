import {
  type Bundle,
  checkParity,
  createSampler,
  type Device,
  type DeviceReport,
  type Executor,
  messageOf,
  openBundle,
  openCandidate,
  readReference,
  readRunnable,
  type Sampler,
  samplingProgram,
  UserError,
} from '@generatrix/runtime/web';
import { cachedSource } from '../cache/cached-source.ts';
import { engineBytes } from '../cache/engine-build.ts';
import { type EngineFiles, setEngine } from '../cache/engine-files.ts';
import type { Chosen, DeviceChoice, DeviceTrial } from './choose-device.ts';
import type { LoadedModel, LoadRequest } from './protocol.ts';

/** A model in the worker. */
export interface OpenModel {
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly sampler: Sampler;
  readonly described: LoadedModel;
}

type Prepared = Pick<OpenModel, 'executor' | 'sampler'>;
type Progress = (part: { readonly received: number; readonly total: number }) => void;

/** Samples of the batch that decides which device is faster. */
const timedCount = 16;

/** Callbacks for the bytes of an engine as they arrive. */
const engineListeners = new Set<(received: number, total: number) => void>();

/** Where onnxruntime's files are, which the page tells before it asks for anything. */
export function configureEngine(engine: EngineFiles): void {
  setEngine(engine, (received, total) => {
    for (const listener of engineListeners) listener(received, total);
  });
}

/**
 * Opens a bundle on a device, with its sampling program compiled. With `auto` that is the device on which the model is
 * faster; one that cannot run the program, or computes it wrongly, is passed over.
 * @throws UserError when there is no bundle, a file of it is wrong, or no device will do.
 */
export async function openModel(
  { url, device, verify = false }: LoadRequest,
  onProgress: Progress,
  signal: AbortSignal,
): Promise<OpenModel> {
  const start = performance.now();
  const source = cachedSource(url);
  const bundle = await openBundle(source, { signal });
  const { programs } = bundle.manifest;
  // An autoencoder draws no samples; whatever it has comes first then.
  const first = samplingProgram(programs) ?? Object.keys(programs)[0];
  if (first === undefined) throw new UserError(`${bundle.manifest.family}: this bundle has no programs`);
  // The model comes first: it is checked by its hash before an engine is fetched for it.
  const tell = { model: 0, modelTotal: 0, engine: 0, engineTotal: 0 };
  const report = () =>
    onProgress({ received: tell.model + tell.engine, total: tell.modelTotal + tell.engineTotal });
  await readRunnable(bundle, first, {
    signal,
    onProgress: ({ received, total }) => {
      tell.model = received;
      tell.modelTotal = total;
      report();
    },
  });
  let enginesBefore = 0;
  const listener = (received: number, total: number) => {
    tell.engine = enginesBefore + received;
    tell.engineTotal = enginesBefore + total;
    report();
  };
  engineListeners.add(listener);
  let unverified = '';
  const trial: DeviceTrial<Prepared> = {
    open: async (candidate) => {
      signal.throwIfAborted();
      enginesBefore = tell.engine;
      tell.engineTotal = enginesBefore + engineBytes(candidate === 'webgpu' ? 'webgpu' : 'wasm');
      const executor = await openExecutor(candidate, device === 'auto');
      const sampler = createSampler(bundle, executor);
      unverified = await prepare(first, sampler, { bundle, executor, verify: verify && device === 'auto' });
      if (signal.aborted) await sampler.release();
      signal.throwIfAborted();
      return { executor, sampler };
    },
    batch:
      first === samplingProgram(programs)
        ? ({ sampler }) => sampler.sample({ count: timedCount, seed: 1, signal })
        : undefined,
    close: ({ sampler }) => sampler.release(),
  };
  try {
    const { sha256 } = programs[first]!;
    const found = await choose(trial, device, sha256, signal);
    if (!('opened' in found)) throw new UserError(refusal(device, found));
    const { opened, choice, passedOver } = found;
    const used = { device: opened.executor.device, available: true, reason: unverified };
    const described: LoadedModel = {
      manifest: bundle.manifest,
      device: opened.executor.device,
      deviceNote: choice.note,
      deviceReports: [...passedOver, used],
      loadMs: performance.now() - start,
      downloadBytes: source.downloaded(),
      scripts: [location.href, ...scripts()],
    };
    return { bundle, ...opened, described };
  } finally {
    engineListeners.delete(listener);
  }
}

type Found = Chosen<Prepared> | readonly DeviceReport[];

/** The device asked for, which never gives way to another; with `auto` the faster. What compares them is fetched then. */
async function choose(
  trial: DeviceTrial<Prepared>,
  device: LoadRequest['device'],
  sha256: string,
  signal: AbortSignal,
): Promise<Found> {
  if (device !== 'auto') return openOnly(trial, device as Engine, signal, []);
  if ('gpu' in navigator) {
    const { chooseAndRemember } = await import('./remembered-device.ts');
    return chooseAndRemember(trial, sha256, signal);
  }
  const reason = 'this browser has no WebGPU, or the page is not served over HTTPS';
  return openOnly(trial, 'wasm', signal, [{ device: 'webgpu', available: false, reason }]);
}

type Engine = DeviceChoice['device'];

async function openOnly(
  trial: DeviceTrial<Prepared>,
  device: Engine,
  signal: AbortSignal,
  passedOver: readonly DeviceReport[],
): Promise<Found> {
  try {
    const opened = await trial.open(device);
    return { opened, choice: { device, note: '', compared: false }, passedOver };
  } catch (error) {
    signal.throwIfAborted();
    return [{ device, available: false, reason: messageOf(error) }, ...passedOver];
  }
}

function refusal(device: LoadRequest['device'], reports: readonly DeviceReport[]): string {
  return device === 'auto'
    ? `no device works here: ${reports.map((report) => `${report.device}: ${report.reason}`).join('; ')}`
    : `device '${device}' does not work here: ${reports[0]!.reason}`;
}

const scripts = () =>
  performance
    .getEntriesByType('resource')
    .map(({ name }) => name)
    .filter((name) => /\.m?js$/.test(new URL(name).pathname));

const executors = new Map<string, Promise<Executor>>();

/** One executor for a device, whatever the number of models. One that did not open can be tried again. */
function openExecutor(device: Device, automatic: boolean): Promise<Executor> {
  const key = `${device}, automatic: ${automatic}`;
  const known = executors.get(key);
  if (known !== undefined) return known;
  const opening = openCandidate(device, automatic);
  executors.set(key, opening);
  opening.catch(() => executors.delete(key));
  return opening;
}

/**
 * Compiles a program and, where it is to be verified, compares it with the reference. A reference that cannot be read
 * keeps nobody from sampling: it says nothing of the device.
 * @returns why it was not verified though it was to be; empty otherwise
 * @throws when it is wrong.
 */
async function prepare(
  program: string,
  sampler: Sampler,
  { bundle, executor, verify }: { bundle: Bundle; executor: Executor; verify: boolean },
): Promise<string> {
  try {
    await sampler.prepare(program);
    if (!verify || bundle.manifest.reference === undefined) return '';
    const reference = await readReference(bundle).catch((error: unknown) => messageOf(error));
    if (typeof reference === 'string') return `not verified: ${reference}`;
    if (Object.keys(reference.outputs(program)).length === 0) return '';
    const rows = await checkParity(bundle, executor, { programs: [program] });
    const wrong = rows.find(({ passed }) => !passed);
    if (wrong === undefined) return '';
    const [error, scaled] = [
      wrong.maxAbsoluteError.toExponential(1),
      wrong.maxRelativeError.toExponential(1),
    ];
    throw new Error(
      `it computes ${wrong.output} of ${program} wrongly, by ${error} (${scaled} of its scale)`,
    );
  } catch (error) {
    await sampler.release();
    throw error;
  }
}
