import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { binariesFolder } from './engine-node.ts';

/** onnxruntime's own libraries for CUDA, which its npm package is without. */
export const cudaProviders = [
  'libonnxruntime_providers_shared.so',
  'libonnxruntime_providers_cuda.so',
] as const;

/**
 * NVIDIA's libraries that the provider needs, each after those that it opens itself: what the provider of onnxruntime
 * 1.30 lists as needed (`readelf -d`), cuDNN, which it opens by name at its first use, and the compiler that cuDNN opens.
 */
export const cudaLibraries = [
  'libcudart.so.13',
  'libcublasLt.so.13',
  'libcublas.so.13',
  'libcurand.so.10',
  'libnvrtc.so.13',
  'libcudnn.so.9',
] as const;

const driver = 'libcuda.so.1';

const cure = '`npx generatrix cuda`';

/** The oldest driver that runs CUDA 13. */
const oldestDriver = 580;

/** Something that CUDA needs here. */
export interface CudaPart {
  readonly part: string;
  /** What is wrong and what cures it, in one line; null where it is in order. */
  readonly fault: string | null;
}

/** Folders of onnxruntime's libraries for CUDA, and of NVIDIA's where `generatrix cuda` puts them. */
export function cudaFolders(): { readonly providers: string; readonly libraries: string } {
  const providers = join(binariesFolder(), 'bin/napi-v6/linux/x64');
  return { providers, libraries: join(providers, 'cuda') };
}

/** What CUDA needs here: NVIDIA's driver, onnxruntime's provider, NVIDIA's libraries. Opens all of them. */
export function cudaParts(folders = cudaFolders()): CudaPart[] {
  return [...foundations(folders), ...openLibraries(folders.libraries)];
}

/**
 * Opens NVIDIA's libraries, which stay open, so that onnxruntime's provider finds them by their names wherever they
 * lie: the loader of the system would look in its own folders and those of LD_LIBRARY_PATH only, which a running process
 * cannot change.
 * @throws with all that is missing and how to get it, in one line; onnxruntime would complain of it on the terminal.
 */
export function requireCuda(folders = cudaFolders()): void {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64') {
    throw new Error(`onnxruntime-node has CUDA on Linux x64 only, this is ${platform} ${arch}`);
  }
  // The libraries take half a second to open: only where there is something to use them.
  const faults = faultsOf(foundations(folders)) || faultsOf(openLibraries(folders.libraries));
  if (faults !== '') throw new Error(faults);
}

function foundations(folders: { readonly providers: string }): CudaPart[] {
  const missing = cudaProviders.filter((name) => !existsSync(join(folders.providers, name)));
  return [
    { part: "NVIDIA's driver", fault: driverFault() },
    {
      part: "onnxruntime's provider of CUDA",
      fault: missing.length === 0 ? null : `${missing.join(' and ')} missing: run ${cure}`,
    },
  ];
}

function openLibraries(folder: string): CudaPart[] {
  return cudaLibraries.map((part) => ({ part, fault: libraryFault(part, folder) }));
}

/** Parts with the same cure together; empty where all is in order. */
function faultsOf(parts: readonly CudaPart[]): string {
  const byFault = new Map<string, string[]>();
  for (const { part, fault } of parts) {
    if (fault !== null) byFault.set(fault, [...(byFault.get(fault) ?? []), part]);
  }
  return [...byFault].map(([fault, names]) => `${names.join(', ')}: ${fault}`).join('; ');
}

function driverFault(): string | null {
  const version = driverVersion();
  if (version !== null && version < oldestDriver) {
    return `version ${version} is too old for CUDA 13: install ${oldestDriver} or newer`;
  }
  const refusal = open(driver);
  if (refusal === null) return null;
  return version === null
    ? `${refusal}: install version ${oldestDriver} or newer (in a container: start it with its GPUs, \`--gpus all\`)`
    : `${refusal}: the kernel has version ${version}; start the container with its GPUs (\`--gpus all\`)`;
}

/** What CUDA's runtime says, out of the page of source positions around it in onnxruntime's message. */
export function cudaMessage(message: string): string {
  return /CUDA failure \d+: [^;]*[^;\s]/.exec(message)?.[0] ?? message;
}

/** Major version of the driver in the kernel; null where there is none, or none that says it. */
function driverVersion(): number | null {
  try {
    return parseDriverVersion(readFileSync('/proc/driver/nvidia/version', 'utf8'));
  } catch {
    return null;
  }
}

/** @param text such as `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 ...` */
export function parseDriverVersion(text: string): number | null {
  const [, major] = /Kernel Module.*?\s(\d+)\.\d+/.exec(text) ?? [];
  return major === undefined ? null : Number(major);
}

function libraryFault(name: string, folder: string): string | null {
  const own = join(folder, name);
  if (existsSync(own)) {
    const refusal = open(own);
    return refusal === null ? null : `${refusal}: delete ${folder} and run ${cure}`;
  }
  return open(name) === null ? null : `missing: run ${cure}`;
}

/** So that Node, which closes what is no module of its own, leaves it open (dlfcn.h on Linux). */
const RTLD_NODELETE = 0x1000;

/** Opens a shared library for all that is opened after it. @returns why it cannot be opened, or null */
function open(path: string): string | null {
  const { RTLD_LAZY, RTLD_GLOBAL } = constants.dlopen;
  try {
    process.dlopen({ exports: {} }, path, RTLD_LAZY | RTLD_GLOBAL | RTLD_NODELETE);
    return null;
  } catch (error) {
    // It has been opened by then: Node says so of every library that is no module.
    const [message = ''] = messageOf(error).split('\n');
    return message.startsWith('Module did not self-register') ? null : message;
  }
}
