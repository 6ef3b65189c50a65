import type * as OnnxRuntime from 'onnxruntime-node';
import { messageOf, UserError } from '../errors.ts';
import type { Device, DeviceReport, DeviceRequest, Executor } from '../program/executor.ts';
import type { DType } from '../program/tensor.ts';
import { cudaFolders, cudaMessage, requireCuda } from './cuda-libraries.ts';
import { type ExecutorOptions, type OpenedDevice, openOn, type Platform, reportOn } from './devices.ts';
import { engine, enginePath } from './engine-node.ts';
import { hostValue, type OrtBackend, ortExecutor } from './ort-executor.ts';
import { probe } from './probe.ts';
import { probeInChild } from './probe-child.ts';
import { encodeTinyOnnx } from './tiny-onnx.ts';

/**
 * Node's devices. `auto` tries CUDA, then the CPU. It leaves WebGPU out because onnxruntime does not tell a GPU from
 * a software adapter, which is far slower than the CPU: ask for `webgpu` by name.
 */
const platform: Platform = {
  devices: ['cpu', 'cuda', 'webgpu'],
  automatic: ['cuda', 'cpu'],
  open: async (device, options) => {
    if (device === 'webgpu') return openWebgpu();
    if (device === 'cuda') return onCuda(() => opened(backend(device, options)));
    return opened(backend(device, options));
  },
};

/**
 * Opens a device in Node. A run blocks the thread: a server runs programs in worker threads. At most one thread of a
 * process may use `webgpu`: onnxruntime's WebGPU crashes the process when a second one opens it.
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
 * Tries every device of this machine, or those that are named. CUDA and WebGPU are tried in a process of their own, so that a driver that
 * crashes, hangs or holds memory does not harm this one; that takes about a second for each.
 */
export async function reportDevices(devices: readonly Device[] = platform.devices): Promise<DeviceReport[]> {
  return Promise.all(
    devices.map((device) =>
      reportOn(device, device === 'cpu' ? createExecutor('cpu') : tryElsewhere(device)),
    ),
  );
}

async function tryElsewhere(device: Device): Promise<void> {
  if (device !== 'cuda') return probeInChild(device, enginePath());
  return onCuda(() => probeInChild(device, enginePath(), { libraryPath: cudaFolders().libraries }));
}

/** Does something on CUDA, whose failures are said in its own words. */
async function onCuda<Result>(use: () => Promise<Result>): Promise<Result> {
  requireCuda();
  try {
    return await use();
  } catch (error) {
    throw new Error(cudaMessage(messageOf(error)));
  }
}

async function opened(made: OrtBackend): Promise<Executor> {
  const executor = ortExecutor(made);
  await probe(executor, { keep: made.device === 'webgpu' });
  return executor;
}

function backend(device: Device, options: ExecutorOptions): OrtBackend {
  return {
    device,
    ort: engine(),
    fillsOutputs: device === 'cpu',
    exclusive: (task) => task(), // a run holds the thread until it is done, so none overlap
    sessionOptions: ({ threads = options.threads ?? threadsOfEnvironment() }) => ({
      executionProviders: [device],
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    }),
  };
}

/** Threads that a session gets where the caller names none: GENERATRIX_THREADS, or what onnxruntime takes, the cores. */
function threadsOfEnvironment(): number | undefined {
  const { GENERATRIX_THREADS: value } = process.env;
  if (value === undefined || value === '') return undefined;
  const threads = Number(value);
  if (Number.isInteger(threads) && threads >= 1) return threads;
  throw new UserError(`GENERATRIX_THREADS is '${value}': give a whole number of threads, 1 or more`);
}

let webgpu: Promise<Executor> | null = null;

/** All callers of a thread share one executor: tensors kept on the GPU can then go from one program to another. */
function openWebgpu(): Promise<Executor> {
  webgpu ??= opened({ ...backend('webgpu', {}), download: downloadByCopying }).catch((error: unknown) => {
    webgpu = null;
    throw error;
  });
  return webgpu;
}

const copies = new Map<DType, Promise<OnnxRuntime.InferenceSession>>();

/** Reads a tensor through a program that copies it: asking onnxruntime-node for its data aborts the process. */
async function downloadByCopying(value: OnnxRuntime.Tensor) {
  const dtype = value.type as DType;
  if (!copies.has(dtype)) {
    const program = encodeTinyOnnx({
      nodes: [['Identity', ['x'], ['y']]],
      inputs: { x: [dtype, null] },
      outputs: { y: [dtype, null] },
    });
    copies.set(
      dtype,
      engine().InferenceSession.create(program, { executionProviders: ['webgpu'], logSeverityLevel: 3 }),
    );
  }
  const session = await copies.get(dtype)!;
  return hostValue((await session.run({ x: value })).y!);
}
