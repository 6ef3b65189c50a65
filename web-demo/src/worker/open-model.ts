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
import { useEngineFolder } from '../cache/engine-files.ts';
import type { LoadedModel, LoadRequest } from './protocol.ts';

/** A model in the worker. */
export interface OpenModel {
  readonly bundle: Bundle;
  readonly executor: Executor;
  readonly sampler: Sampler;
  readonly described: LoadedModel;
}

type Progress = (part: { readonly received: number; readonly total: number }) => void;

/** onnxruntime's files lie beside the built library's assets; the development server has them at its root. */
const engineFolder = new URL(import.meta.env.DEV ? '/ort/' : '../ort/', location.href).href;
const preference = ['webgpu', 'wasm'] as const;

/** Callbacks for the bytes of an engine as they arrive. */
const engineListeners = new Set<(received: number, total: number) => void>();

useEngineFolder(engineFolder, (received, total) => {
  for (const listener of engineListeners) listener(received, total);
});

/**
 * Opens a bundle on a device, with its sampling program compiled. With `auto`, a device that cannot run the program,
 * or computes it wrongly, is left for the next.
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
  const listener = (received: number, total: number) => {
    tell.engine = received;
    tell.engineTotal = total;
    report();
  };
  engineListeners.add(listener);
  const reports: DeviceReport[] = [];
  try {
    for (const candidate of device === 'auto' ? preference : [device as Device]) {
      signal.throwIfAborted();
      tell.engineTotal = engineBytes(candidate === 'webgpu' ? 'webgpu' : 'wasm');
      try {
        const executor = await openExecutor(candidate, device === 'auto');
        const used = { device: executor.device, available: true, reason: '' };
        const sampler = createSampler(bundle, executor, [...reports, used]);
        await prepare(first, sampler, { bundle, executor, verify: verify && device === 'auto' });
        if (signal.aborted) await sampler.release();
        signal.throwIfAborted();
        const described: LoadedModel = {
          manifest: bundle.manifest,
          device: executor.device,
          deviceReports: [...reports, used],
          loadMs: performance.now() - start,
          downloadBytes: source.downloaded(),
          scripts: [location.href, ...scripts()],
        };
        return { bundle, executor, sampler, described };
      } catch (error) {
        signal.throwIfAborted();
        reports.push({ device: candidate, available: false, reason: messageOf(error) });
      }
    }
  } finally {
    engineListeners.delete(listener);
  }
  const reasons = reports.map((report) => `${report.device}: ${report.reason}`).join('; ');
  throw new UserError(
    device === 'auto'
      ? `no device works here: ${reasons}`
      : `device '${device}' does not work here: ${reports[0]!.reason}`,
  );
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

/** Compiles a program and, where it is to be verified, compares it with the reference. @throws when it is wrong. */
async function prepare(
  program: string,
  sampler: Sampler,
  { bundle, executor, verify }: { bundle: Bundle; executor: Executor; verify: boolean },
): Promise<void> {
  try {
    await sampler.prepare(program);
    if (!verify || !(await hasReference(bundle, program))) return;
    const rows = await checkParity(bundle, executor, { programs: [program] });
    const wrong = rows.find(({ passed }) => !passed);
    if (wrong === undefined) return;
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

async function hasReference(bundle: Bundle, program: string): Promise<boolean> {
  if (bundle.manifest.reference === undefined) return false;
  return Object.keys((await readReference(bundle)).outputs(program)).length > 0;
}
