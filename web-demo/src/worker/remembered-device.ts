import type { DeviceReport } from '@generatrix/runtime/web';
import { engineBuild } from '../cache/engine-build.ts';
import { keep, modelStore, openStore, readKept, storeKey } from '../cache/stores.ts';
import { type Chosen, chooseDevice, type DeviceChoice, type DeviceTrial } from './choose-device.ts';

interface Kept extends DeviceChoice {
  /** The GPU that WASM was compared with. */
  readonly gpu: string;
}

/** What may decide besides the model: the engine's version, and whether WASM may use threads. */
const place = (sha256: string) =>
  storeKey(
    `/generatrix-device/${engineBuild.version}/${globalThis.crossOriginIsolated ? 'threads' : 'one-thread'}/${sha256}`,
  );

/**
 * As `chooseDevice`, with what an earlier trial of the program found here, and what this one finds remembered.
 * @param sha256 the program's hash
 */
export async function chooseAndRemember<Opened>(
  trial: DeviceTrial<Opened>,
  sha256: string,
  signal: AbortSignal,
): Promise<Chosen<Opened> | readonly DeviceReport[]> {
  const found = await chooseDevice(trial, await rememberedDevice(sha256), signal);
  if ('choice' in found) await rememberDevice(sha256, found.choice);
  return found;
}

/**
 * The device that a trial on this machine found the faster one for a program; nothing when there was none, or another
 * GPU in it.
 */
async function rememberedDevice(sha256: string): Promise<DeviceChoice | undefined> {
  try {
    const text = await (await readKept(await openStore(modelStore), place(sha256)))?.text();
    if (text === undefined) return undefined;
    const { gpu, device, note, compared } = JSON.parse(text) as Kept;
    return gpu === (await gpuName()) ? { device, note, compared } : undefined;
  } catch {
    return undefined; // the trial is made once more
  }
}

/** Keeps what a trial found. What was not compared is not kept: the next visit may find a GPU. */
async function rememberDevice(sha256: string, choice: DeviceChoice): Promise<void> {
  if (!choice.compared) return;
  const kept: Kept = { ...choice, gpu: await gpuName() };
  await keep(await openStore(modelStore), place(sha256), JSON.stringify(kept));
}

interface Gpu {
  requestAdapter(): Promise<{ readonly info?: Readonly<Record<string, unknown>> } | null>;
}

/** What the browser tells of the GPU; empty where it tells nothing, or there is none. */
async function gpuName(): Promise<string> {
  const { gpu } = navigator as { readonly gpu?: Gpu };
  const info = (await gpu?.requestAdapter())?.info ?? {};
  return ['vendor', 'architecture', 'device', 'description'].map((name) => info[name] ?? '').join(' ');
}
