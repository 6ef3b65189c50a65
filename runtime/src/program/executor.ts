import type { DeviceTensor, DType, HostTensor } from './tensor.ts';

/** Where a program runs. `wasm` exists in browsers only, `cpu` and `cuda` in Node only. */
export type Device = 'cpu' | 'cuda' | 'webgpu' | 'wasm';

/** What a caller may ask for; `auto` picks the best device that works here. */
export type DeviceRequest = Device | 'auto';

export interface LoadOptions {
  /** Outputs that stay on the device between runs (training state). Ignored where the device is the host. */
  readonly keepOnDevice?: readonly string[];
  /** Threads of the CPU or WASM pool; the device's own default when absent. */
  readonly threads?: number;
  /**
   * Files that the program takes weights from, by the names under which it refers to them. They are copied: nobody
   * needs them once the program is loaded. From anywhere else it takes none.
   */
  readonly weights?: Readonly<Record<string, Uint8Array>>;
  /** Keeps the runtime from printing its errors, too: they are thrown in any case. */
  readonly quiet?: boolean;
}

export interface ProgramPort {
  readonly name: string;
  readonly dtype: DType;
  /** Numbers where the program fixes a dimension, names where it leaves one open. */
  readonly shape: readonly (number | string)[];
}

/** A program that an executor has compiled and holds ready to run. */
export interface LoadedProgram {
  readonly inputs: readonly ProgramPort[];
  readonly outputs: readonly ProgramPort[];
  /**
   * Runs the program once. All declared inputs must be present.
   * Outputs named in `keepOnDevice` come back as device tensors on devices that have memory of their own.
   * @param into tensors that outputs may be written to, by the names of the outputs: memory that the caller no longer
   *   reads, of the output's type and shape. A device that can (`cpu`) fills them and returns them; others return
   *   tensors of their own, so look at what comes back.
   * @throws with the program's name and the offending input or target when one is missing or mistyped, or when a target
   *   is the memory of an input.
   */
  run(
    inputs: Readonly<Record<string, HostTensor | DeviceTensor>>,
    into?: Readonly<Record<string, HostTensor>>,
  ): Promise<ProgramOutputs>;
  /** Frees the session. Calling it twice is harmless. */
  release(): Promise<void>;
}

export type ProgramOutputs = Record<string, HostTensor | DeviceTensor>;

/** Runs ONNX programs on one device. */
export interface Executor {
  readonly device: Device;
  /**
   * Compiles an ONNX program.
   * @param name what errors call it, such as `vae/sample`
   * @throws when the device cannot run the program, with the device and the reason; UserError when the program would
   *   take weights from files that were not given.
   */
  load(name: string, onnx: Uint8Array, options?: LoadOptions): Promise<LoadedProgram>;
}

/** One device that was considered, and why it was passed over if it was. */
export interface DeviceReport {
  readonly device: Device;
  readonly available: boolean;
  /** Empty when available; else one clear line. */
  readonly reason: string;
}

/** A run's outputs on the host. What was on the device is freed there, even when a download fails. */
export async function downloadAll(outputs: ProgramOutputs): Promise<Record<string, HostTensor>> {
  const host: Record<string, HostTensor> = {};
  try {
    for (const [name, tensor] of Object.entries(outputs)) {
      host[name] = 'location' in tensor ? await tensor.download() : tensor;
    }
    return host;
  } finally {
    for (const tensor of Object.values(outputs)) if ('location' in tensor) tensor.dispose();
  }
}
