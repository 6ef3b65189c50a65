import type { Env, InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';
import type { Device, DeviceReport, DeviceRequest, Executor } from '../program/executor.ts';
import { createQueue, type Queue } from '../program/queue.ts';
import { type DType, hostTensor } from '../program/tensor.ts';
import { type ExecutorOptions, type OpenedDevice, openOn, type Platform, reportOn } from './devices.ts';
import { type OrtBackend, ortExecutor } from './ort-executor.ts';
import { probe } from './probe.ts';

/** What this file uses of an onnxruntime-web build; all builds have it. */
export interface WebBuild {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
  readonly env: Env;
}

export interface WebConfiguration {
  /**
   * Address of the folder with onnxruntime's `.wasm` and `.mjs` files, ending in `/`, or of each file by its name; where the
   * bundler put them when absent. It must be set before the first executor is made.
   */
  readonly wasmPaths?: string | ((file: string) => string);
  /**
   * Brings the bytes of a `.wasm` file, by its plain name, in place of onnxruntime's own download: from a cache, or
   * with progress. What it throws is the reason why the device does not work.
   */
  readonly readWasm?: (file: string) => Promise<ArrayBuffer>;
  /** Imports one of onnxruntime's scripts, such as `ort.wasm.min.mjs`, in place of those that a bundler has put inside. */
  readonly importScript?: (file: string) => Promise<WebBuild>;
}

let configuration: WebConfiguration = {};

/** Does a program of this page stay loaded on WebGPU, for the sake of the shaders? One is enough. */
let keepsShaders = false;

/** Sets where onnxruntime's files are. Only the files of the build in use are fetched. */
export function configureWeb(wanted: WebConfiguration): void {
  configuration = { ...configuration, ...wanted };
}

/** The browser's devices. `auto` takes WebGPU where there is a GPU behind it, else WASM. */
const platform: Platform = {
  devices: ['wasm', 'webgpu'],
  automatic: ['webgpu', 'wasm'],
  open: async (device, { threads, automatic }) => {
    if (device === 'webgpu') await requireAdapter(automatic);
    const executor = ortExecutor(await backend(device, threads));
    const keep = device === 'webgpu' && !keepsShaders;
    await probe(executor, { keep });
    keepsShaders ||= keep;
    return executor;
  },
};

/**
 * Opens a device in a page or a worker and proves that it works. Runs on WASM block their thread, so a page that must
 * not freeze uses a worker. WASM uses `threads` where the page is cross-origin isolated, else one; the first executor
 * decides for all.
 * @throws UserError with the reason when the device does not work here.
 */
export async function createExecutor(
  device: DeviceRequest = 'auto',
  options?: ExecutorOptions,
): Promise<Executor> {
  return (await openDevice(device, options)).executor;
}

/** As `createExecutor`, with a report on each device that was considered. */
export async function openDevice(device: DeviceRequest, options?: ExecutorOptions): Promise<OpenedDevice> {
  return openOn(platform, device, options);
}

/**
 * Opens one device by itself, for those who have more to ask of it than `auto` does before they settle on it.
 * @param automatic whether a software adapter is to be refused, as `auto` refuses it: WASM is faster
 * @throws with the reason.
 */
export async function openCandidate(device: Device, automatic: boolean): Promise<Executor> {
  return platform.open(device, { automatic });
}

/** Tries every device of this browser; that fetches onnxruntime's files for each that might work. */
export async function reportDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of platform.devices) {
    reports.push(await reportOn(device, platform.open(device, { automatic: false })));
  }
  return reports;
}

/** The part of `navigator.gpu` that tells a GPU from a software adapter; browsers moved the flag to `info`. */
interface Adapter {
  readonly isFallbackAdapter?: boolean;
  readonly info?: { readonly isFallbackAdapter?: boolean; readonly architecture?: string };
}
interface NavigatorWithGpu {
  readonly gpu?: { requestAdapter(): Promise<Adapter | null> };
}

async function requireAdapter(hardware: boolean): Promise<void> {
  const { gpu } = navigator as NavigatorWithGpu;
  if (!gpu) throw new Error('this browser has no WebGPU, or the page is not served over HTTPS');
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error('this browser offers no GPU');
  const { isFallbackAdapter, info } = adapter;
  const software = isFallbackAdapter || info?.isFallbackAdapter || info?.architecture === 'swiftshader';
  if (hardware && software) throw new Error('there is only a software adapter, which is slower than WASM');
}

/**
 * The plain WASM build; for WebGPU the one that suspends WASM through the browser (JSPI) where it can, else the larger
 * one that was rewritten to suspend itself (asyncify). Never the package's default build, JSEP: it computes some
 * programs wrongly.
 */
function importBuild(device: Device): Promise<WebBuild> {
  const name = device === 'wasm' ? 'wasm' : 'Suspending' in WebAssembly ? 'jspi' : 'webgpu';
  if (configuration.importScript !== undefined) return configuration.importScript(`ort.${name}.min.mjs`);
  if (name === 'wasm') return import('onnxruntime-web/wasm');
  return name === 'jspi' ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu');
}

/** The files of the build that `importBuild` takes, without their ends. */
function buildName(device: Device): string {
  const build = device === 'wasm' ? '' : 'Suspending' in WebAssembly ? '.jspi' : '.asyncify';
  return `ort-wasm-simd-threaded${build}`;
}

async function backend(device: Device, threads: number | undefined): Promise<OrtBackend> {
  const build = await importBuild(device);
  const { wasm } = build.env;
  const name = buildName(device);
  const { readWasm, wasmPaths } = configuration;
  if (readWasm !== undefined) wasm.wasmBinary ??= await readWasm(`${name}.wasm`);
  if (typeof wasmPaths === 'function') {
    // Of the `.wasm` file there are bytes already, or else its address is wanted, too.
    const file = readWasm === undefined ? { wasm: wasmPaths(`${name}.wasm`) } : {};
    wasm.wasmPaths = { mjs: wasmPaths(`${name}.mjs`), ...file };
  } else if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  if (!globalThis.crossOriginIsolated) wasm.numThreads = 1;
  else if (threads !== undefined) wasm.numThreads = threads;
  return {
    device,
    ort: build,
    exclusive: pageQueue(),
    sessionOptions: () => ({ executionProviders: [device] }),
    ...(device === 'webgpu'
      ? {
          download: async (value) =>
            hostTensor(value.type as DType, value.dims, (await value.getData()) as ArrayLike<number>),
        }
      : {}),
  };
}

const queueKey = Symbol.for('generatrix.onnxruntime-queue');

/**
 * One queue for the whole page or worker, even when two copies of this library were bundled into it: calls to
 * onnxruntime's WebGPU that overlap hang, or corrupt each other.
 */
function pageQueue(): Queue {
  const page = globalThis as { [queueKey]?: Queue };
  page[queueKey] ??= createQueue();
  return page[queueKey];
}
