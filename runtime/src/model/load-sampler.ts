import { type BundleSource, openBundle, type Progress } from '../bundle/bundle.ts';
import type { ExecutorOptions, OpenedDevice } from '../ort/devices.ts';
import type { DeviceRequest } from '../program/executor.ts';
import { samplingProgram } from './abilities.ts';
import { createSampler, type Sampler } from './sampler.ts';

export interface LoadSamplerOptions extends ExecutorOptions {
  /** `auto` when absent: the best device that works here. */
  readonly device?: DeviceRequest;
  /** Called as the sampling program arrives. */
  readonly onProgress?: (progress: Progress) => void;
  /** Gives up loading; `loadSampler` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Opens a device, as a platform does it. */
export type OpenDevice = (device: DeviceRequest, options?: ExecutorOptions) => Promise<OpenedDevice>;

/**
 * Opens a bundle on a device, with its sampling program compiled (a model without one loads, too). The bundle comes
 * first, so that a wrong address does not cost the download of an engine.
 */
export async function loadSamplerFrom(
  source: BundleSource,
  openDevice: OpenDevice,
  { device = 'auto', threads, onProgress, signal }: LoadSamplerOptions,
): Promise<Sampler> {
  signal?.throwIfAborted();
  const bundle = await openBundle(source, { signal });
  const { executor, reports } = await openDevice(device, { threads });
  signal?.throwIfAborted();
  const sampler = createSampler(bundle, executor, reports);
  try {
    const program = samplingProgram(bundle.manifest.programs);
    if (program !== undefined) await sampler.prepare(program, { signal, onProgress });
    signal?.throwIfAborted();
    return sampler;
  } catch (error) {
    await sampler.release();
    throw error;
  }
}
